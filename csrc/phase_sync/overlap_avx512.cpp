#define PTYCHOSCOPE_ISA_NS avx512
#include "phase_sync/overlap.inl"
