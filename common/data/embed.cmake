# cmake -DNAME=<symbol> -DIN=<file> -DOUT=<file.cc> -P embed.cmake
# Writes a source file that defines fedqat::<symbol>, the bytes of IN (common/data/digits.cc).
file(READ ${IN} hex HEX)
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUT} "#include <span>
namespace fedqat {
static constexpr unsigned char kBytes[] = {
${bytes}};
extern const std::span<const unsigned char> ${NAME};
const std::span<const unsigned char> ${NAME} = kBytes;
}  // namespace fedqat
")
