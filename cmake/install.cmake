# What `cmake --install` puts where: the executable, both libraries, the headers of include/ and what find_package()
# reads. CPack makes the same into a Debian package: `cpack --config build/CPackConfig.cmake`.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The same code as a shared library; of it, only what include/ declares can be seen from outside.
set(exports ${PROJECT_SOURCE_DIR}/cmake/exports.map)
add_library(modelexport_shared SHARED src/api.cpp)
target_compile_definitions(modelexport_shared PRIVATE MODELEXPORT_VERSION="${PROJECT_VERSION}")
target_link_libraries(modelexport_shared PRIVATE modelexport_core)
target_link_options(modelexport_shared PRIVATE LINKER:--version-script=${exports})
set_target_properties(modelexport_shared PROPERTIES
  OUTPUT_NAME modelexport EXPORT_NAME modelexport LINK_DEPENDS ${exports}
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set_target_properties(modelexport_core PROPERTIES OUTPUT_NAME modelexport EXPORT_NAME static)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/modelexport)
install(TARGETS modelexport)
install(TARGETS modelexport_core modelexport_shared EXPORT modelexport INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES src/support/error.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/modelexport)
install(DIRECTORY include/modelexport DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT modelexport NAMESPACE modelexport:: FILE modelexport-targets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/modelexport-config.cmake.in ${PROJECT_BINARY_DIR}/modelexport-config.cmake
                              INSTALL_DESTINATION ${package_dir})
# Before 1.0, a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/modelexport-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/modelexport-config.cmake ${PROJECT_BINARY_DIR}/modelexport-config-version.cmake
        DESTINATION ${package_dir})

# What the executable prints of itself.
set(printed_dir ${PROJECT_BINARY_DIR}/printed)
file(MAKE_DIRECTORY ${printed_dir})
set(printed_bash completion bash)
set(printed_zsh completion zsh)
set(printed_fish completion fish)
set(printed_man manual)
foreach(kind bash zsh fish man)
  add_custom_command(OUTPUT ${printed_dir}/${kind} COMMAND modelexport ${printed_${kind}} > ${printed_dir}/${kind}
                     DEPENDS modelexport)
endforeach()
add_custom_target(printed ALL DEPENDS ${printed_dir}/bash ${printed_dir}/zsh ${printed_dir}/fish ${printed_dir}/man)
install(FILES ${printed_dir}/bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME modelexport)
install(FILES ${printed_dir}/zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _modelexport)
install(FILES ${printed_dir}/fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d RENAME modelexport.fish)
install(FILES ${printed_dir}/man DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 RENAME modelexport.1)

install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN "*.json")

# What is packed is what was built; packing builds nothing.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME modelexport)
set(CPACK_PACKAGE_CONTACT "the maintainers of modelexport <maintainers@modelexport.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "PyTorch models to ONNX, with the module that each node came from")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)
