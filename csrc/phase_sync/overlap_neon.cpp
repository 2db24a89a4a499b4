#define PTYCHOSCOPE_ISA_NS neon
#include "phase_sync/overlap.inl"
