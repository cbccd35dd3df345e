// One accepted connection: handshake, then request, reply, request... OpenSSL works on the socket
// itself and Asio only says when it is ready: an idle connection then holds no buffers. For the .cc
// files of this folder.
#pragma once

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/net/openssl.h"
#include "common/net/server_worker.h"

namespace fedqat {

// Lives on its worker's thread. While Asio waits for its socket the wait owns it.
class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  // nullptr when there is no memory; `accepted.fd` is then still the caller's.
  static std::shared_ptr<ServerConnection> make(ServerWorker& worker, ConnectionId id,
                                                Accepted accepted);
  ServerConnection(ServerWorker& worker, ConnectionId id, Accepted accepted, SslPtr ssl);
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  void drive();  // goes on until it must wait
  // False if no reply is waited for; else holds `frame`, counted by MemoryBudget::reply_made().
  bool reply(Bytes frame, bool then_close);
  void granted(std::size_t bytes);
  void close();                       // at once; may be called twice
  bool is_late(std::int64_t now_ms);  // true once: counted, to be closed
  bool authenticated() const { return authenticated_; }
  const Peer& peer() const { return peer_; }

 private:
  enum class State : std::uint8_t {
    kHandshake,
    kHeader,  // between requests, or within a length
    kWaitBudget,
    kBody,
    kWaitReply,
    kWriting,
    kLinger,  // all is said; what the peer still sends is thrown away
    kClosed
  };
  enum class Next : std::uint8_t { kGoOn, kRead, kWrite, kNothing, kClose };

  Next step();
  Next handshake();
  Next handshake_failed();
  Next read_header();
  Next begin_frame();
  Next read_body();
  Next hand_over();
  Next write_reply();
  Next reply_written();
  Next linger();
  Next want(int ssl_result) const;
  void wait(asio::posix::stream_descriptor::wait_type what);
  void enter(State state);
  void start_body();
  void note_traffic();
  void use_large_buffer();
  void use_own_buffer();
  void release_frame();
  void release_reply();

  ServerWorker& worker_;
  const ConnectionId id_;
  const std::uint64_t source_;
  asio::posix::stream_descriptor socket_;
  SslPtr ssl_;
  Peer peer_;
  State state_ = State::kHandshake;
  bool authenticated_ = false;
  bool driving_ = false;
  bool then_close_ = false;
  bool large_buffer_ = false;
  std::array<std::byte, kFrameHeader> header_{};
  std::size_t have_ = 0;     // bytes of header, frame or reply that are done
  std::size_t size_ = 0;     // of the frame, header included
  std::size_t charged_ = 0;  // to the memory budget
  Bytes frame_;              // the request while it comes in, then the reply
  std::uint64_t wire_in_ = 0, wire_out_ = 0;
  std::uint64_t state_wire_ = 0;  // wire_in_ + wire_out_ when the state began
  std::int64_t state_ms_ = 0;     // when the state began
  std::int64_t progress_ms_ = 0;  // when a byte last moved
};

}  // namespace fedqat
