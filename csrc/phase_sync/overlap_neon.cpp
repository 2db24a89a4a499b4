#define PTYCHOSCOPE_ISA_NS neon
#include "overlap.inl"
