# Every symbol that a kernel gives to the linker lies in the kernel's namespace: cmake -DNM= -DKERNEL= -DOBJECTS=
# -P kernel_symbols.cmake. A function of the standard library, say, compiled for AVX-512 and shared with everybody
# would end the program on a lesser processor.
execute_process(COMMAND ${NM} -C --defined-only --extern-only ${OBJECTS} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+ [A-Za-z] [^\n]+" symbols "${symbols}")
list(LENGTH symbols count)
if(count EQUAL 0)
  message(FATAL_ERROR "${KERNEL} defines nothing")
endif()
foreach(symbol IN LISTS symbols)
  if(NOT symbol MATCHES "ptychoscope::${KERNEL}::")
    message(SEND_ERROR "${KERNEL} defines for everybody: ${symbol}")
  endif()
endforeach()
