#define PTYCHOSCOPE_ISA_NS avx512
#include "fft_transform.inl"
