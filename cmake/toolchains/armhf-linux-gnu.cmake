# 32-bit ARM with VFPv4 (Cortex-A7, A15 and later, Raspberry Pi 2): the fused multiply-add that fp32
# training asks for is one instruction there, a library call before.
set(name armhf)
set(triple arm-linux-gnueabihf)
set(emulator arm)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(CMAKE_CXX_FLAGS_INIT "-march=armv7-a -mfpu=neon-vfpv4 -Wno-psabi")
include(${CMAKE_CURRENT_LIST_DIR}/debian-cross.cmake)
