#define PTYCHOSCOPE_ISA_NS sse41
#include "phase_sync/overlap.inl"
