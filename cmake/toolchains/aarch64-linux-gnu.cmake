# 64-bit ARM: Raspberry Pi 3 and later, phones, most single-board computers.
set(name aarch64)
set(triple aarch64-linux-gnu)
set(emulator aarch64)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/debian-cross.cmake)
