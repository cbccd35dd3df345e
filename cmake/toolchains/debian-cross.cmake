# Shared by the toolchain files of this folder, which set `name`, `triple` and `emulator`: Debian's
# cross compiler, the libraries that scripts/cross-root.sh unpacks, protoc of the host, and tests
# run by qemu.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_CXX_COMPILER ${triple}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${triple})

get_filename_component(cross_root ${CMAKE_CURRENT_LIST_DIR}/../../build/cross-root/${name} ABSOLUTE)
if(NOT EXISTS ${cross_root})
  message(FATAL_ERROR "No libraries for ${name}; call scripts/cross-root.sh ${name}")
endif()
set(CMAKE_FIND_ROOT_PATH ${cross_root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
string(APPEND CMAKE_CXX_FLAGS_INIT " -idirafter ${cross_root}/usr/include/${triple}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${cross_root}/usr/lib/${triple}")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${emulator}-static -L ${cross_root})
set(ENV{PKG_CONFIG_LIBDIR} ${cross_root}/usr/lib/${triple}/pkgconfig)
