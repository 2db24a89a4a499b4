# The library for C++ programs: `cmake --install build --prefix DIR`, then find_package(ptychoscope) or
# pkg-config with DIR/lib/pkgconfig in PKG_CONFIG_PATH. Whatever is installed may be moved elsewhere.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ptychoscope)
configure_package_config_file(cmake/ptychoscopeConfig.cmake.in ptychoscopeConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(ptychoscopeConfigVersion.cmake COMPATIBILITY SameMinorVersion)

# What a program must link beside a static library; a shared one has it in itself.
set(pkgconfig_cflags "")
set(pkgconfig_libs "")
if(BUILD_SHARED_LIBS)
  set(pkgconfig_cflags " -DPTYCHOSCOPE_SHARED")
else()
  if(with_cuda)
    string(APPEND pkgconfig_libs " -L${CUDAToolkit_LIBRARY_DIR} -lcudart_static -ldl -lrt")
  endif()
  string(APPEND pkgconfig_libs " -pthread")
endif()
file(RELATIVE_PATH pkgconfig_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pkgconfig_prefix "${pkgconfig_prefix}")
configure_file(cmake/ptychoscope.pc.in ptychoscope.pc @ONLY)

install(TARGETS ptychoscope EXPORT ptychoscope
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library)
install(DIRECTORY csrc/include/ptychoscope ${PROJECT_BINARY_DIR}/include/ptychoscope
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library FILES_MATCHING PATTERN "*.h")
install(EXPORT ptychoscope FILE ptychoscopeTargets.cmake NAMESPACE ptychoscope:: DESTINATION ${package_dir}
        COMPONENT library)
install(FILES ${PROJECT_BINARY_DIR}/ptychoscopeConfig.cmake ${PROJECT_BINARY_DIR}/ptychoscopeConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT library)
install(FILES ${PROJECT_BINARY_DIR}/ptychoscope.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT library)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT library)
