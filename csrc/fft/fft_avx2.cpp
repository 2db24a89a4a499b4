#define PTYCHOSCOPE_ISA_NS avx2
#include "fft_transform.inl"
