// What a small device does to hold little memory.
#pragma once

#include <cstddef>

namespace fedqat {

// Gives back free heap, and unmaps the pages of code that were touched so far: they stay in the
// system's cache and come back when they are run. Before a long loop that runs little of it.
void release_memory();

// Large blocks go back to the system when they are freed, and threads share one heap. Once, before
// any thread.
void prefer_small_heap();

// Bytes of the heap in use, as glibc counts them; 0 where a sanitizer has replaced its heap.
std::size_t heap_bytes();

}  // namespace fedqat
