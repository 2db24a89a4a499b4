#define PTYCHOSCOPE_ISA_NS sse41
#include "fft/transform_2d.inl"
