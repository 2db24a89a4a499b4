#define PTYCHOSCOPE_ISA_NS avx2
#include "phase_sync/overlap.inl"
