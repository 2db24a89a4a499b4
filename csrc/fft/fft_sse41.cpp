#define PTYCHOSCOPE_ISA_NS sse41
#include "fft_transform.inl"
