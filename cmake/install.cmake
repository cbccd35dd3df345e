# Programs, headers, example configs, and a package for find_package(fedqat): fedqat::sim and the
# other libraries by their folder.
include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY FEDQAT_LIBRARIES)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fedqat)
install(TARGETS fedqat-sim fedqat-coordinator fedqat-client)
install(TARGETS ${libraries} EXPORT fedqatTargets)
install(EXPORT fedqatTargets NAMESPACE fedqat:: DESTINATION ${package_dir})

set(header_dir ${CMAKE_INSTALL_INCLUDEDIR}/fedqat)
install(DIRECTORY common coordinator client sim DESTINATION ${header_dir}
  FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_BINARY_DIR}/generated/ DESTINATION ${header_dir}
  FILES_MATCHING PATTERN "*.pb.h")

install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/fedqat OPTIONAL
  PATTERN systemd EXCLUDE)
# systemd looks below /usr/lib and /usr/local/lib, never in a folder of the architecture. The units
# name the programs by the prefix, which `cmake --install --prefix` may change.
set(FEDQAT_BINDIR ${CMAKE_INSTALL_FULL_BINDIR})
foreach(unit fedqat-coordinator fedqat-client)
  set(template ${PROJECT_SOURCE_DIR}/configs/systemd/${unit}.service.in)
  set(file ${PROJECT_BINARY_DIR}/systemd/${unit}.service)
  configure_file(${template} ${file} @ONLY)
  install(CODE "set(FEDQAT_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    configure_file(\"${template}\" \"${file}\" @ONLY)")
  install(FILES ${file} DESTINATION lib/systemd/system)
endforeach()
install(FILES configs/systemd/fedqat.sysusers DESTINATION lib/sysusers.d RENAME fedqat.conf)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(cmake/fedqatConfig.cmake.in
  ${PROJECT_BINARY_DIR}/fedqatConfig.cmake INSTALL_DESTINATION ${package_dir})
# Interfaces may change with every minor version until 1.0.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fedqatConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fedqatConfig.cmake
  ${PROJECT_BINARY_DIR}/fedqatConfigVersion.cmake DESTINATION ${package_dir})
