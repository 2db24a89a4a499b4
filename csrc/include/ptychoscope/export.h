// PTYCHOSCOPE_API marks what a program may use. A shared library hides everything else; users of one see
// PTYCHOSCOPE_SHARED defined by CMake or pkg-config.
#pragma once

#if defined(PTYCHOSCOPE_SHARED)
#define PTYCHOSCOPE_API __attribute__((visibility("default")))
#define PTYCHOSCOPE_INTERNAL __attribute__((visibility("hidden")))
#else
#define PTYCHOSCOPE_API
#define PTYCHOSCOPE_INTERNAL
#endif
