# FEDQAT_STATIC_DEPS: programs that need nothing but glibc, to be copied to a device. OpenSSL,
# Protobuf, zlib, SQLite and the C++ library are linked in; toml++ is used as headers, for Debian
# has no archive of it. Before dependencies.cmake, which finds them.
option(FEDQAT_STATIC_DEPS "Link every library but glibc statically" OFF)
add_feature_info(static-deps FEDQAT_STATIC_DEPS "programs that need nothing but glibc")
if(NOT FEDQAT_STATIC_DEPS)
  return()
endif()

set(OPENSSL_USE_STATIC_LIBS ON)
set(Protobuf_USE_STATIC_LIBS ON)
set(ZLIB_USE_STATIC_LIBS ON)
find_library(SQLite3_LIBRARY libsqlite3.a REQUIRED)
add_link_options(-static-libstdc++ -static-libgcc)
# A position-independent program has many relative relocations; packed they take half a megabyte
# less. glibc 2.36 reads them.
include(CheckLinkerFlag)
check_linker_flag(CXX -Wl,-z,pack-relative-relocs FEDQAT_PACKED_RELOCATIONS)
if(FEDQAT_PACKED_RELOCATIONS)
  add_link_options(-Wl,-z,pack-relative-relocs)
endif()

find_path(FEDQAT_TOML_INCLUDE toml++/toml.h REQUIRED)
add_library(tomlplusplus::tomlplusplus INTERFACE IMPORTED)
target_compile_definitions(tomlplusplus::tomlplusplus INTERFACE TOML_HEADER_ONLY=1)
