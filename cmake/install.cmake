# The library for C++ programs: `cmake --install build --prefix DIR`, then find_package(ptychoscope).
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ptychoscope)
configure_package_config_file(cmake/ptychoscopeConfig.cmake.in ptychoscopeConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(ptychoscopeConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS ptychoscope EXPORT ptychoscope ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library)
install(DIRECTORY csrc/include/ptychoscope DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
install(EXPORT ptychoscope FILE ptychoscopeTargets.cmake NAMESPACE ptychoscope:: DESTINATION ${package_dir}
        COMPONENT library)
install(FILES ${PROJECT_BINARY_DIR}/ptychoscopeConfig.cmake ${PROJECT_BINARY_DIR}/ptychoscopeConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT library)
