#define PTYCHOSCOPE_ISA_NS neon
#include "fft_transform.inl"
