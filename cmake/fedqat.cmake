# fedqat_library(<folder/name> [SPEED] SRCS ... DEPS ...)
#     -- one library per folder, named after it; SPEED: -O3 in small programs too
# fedqat_isa(<lib> <isa> <flags> <src>...)         -- sources of one instruction set
# fedqat_tests(<folder> SRCS ... DEPS ... LABELS ...)
#     -- one executable for tests/<folder>, one CTest entry for each source
# fedqat_label(<target> <label>...)
#     -- tests_<label> builds all programs that tests of this label need, and nothing else
include_guard()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")
# Small programs: what is not reached is left out, what is reached often (SPEED) keeps -O3.
set(CMAKE_CXX_FLAGS_MINSIZEREL "-Os -DNDEBUG -ffunction-sections -fdata-sections")
add_link_options($<$<CONFIG:MinSizeRel>:-Wl,--gc-sections>)
# Model hashes must not depend on which products the compiler chooses to fuse (docs/numerics.md).
add_compile_options(-ffp-contract=off)

add_library(fedqat_options INTERFACE)
target_compile_features(fedqat_options INTERFACE cxx_std_20)
target_compile_options(fedqat_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror=return-type -Werror=unused-result
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)  # GCC 12 warns of std::string operator+ (its bug 105651)

function(fedqat_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SPEED" "" "SRCS;DEPS;PRIVATE_DEPS")
  string(REPLACE "/" "_" target fedqat_${name})
  add_library(${target} STATIC ${arg_SRCS})
  add_library(fedqat::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/fedqat>)
  target_link_libraries(${target} PUBLIC ${arg_DEPS}
    PRIVATE $<BUILD_INTERFACE:fedqat_options> ${arg_PRIVATE_DEPS})
  if(arg_SPEED)
    target_compile_options(${target} PRIVATE $<$<CONFIG:MinSizeRel>:-O3>)
  endif()
  set_property(GLOBAL APPEND PROPERTY FEDQAT_LIBRARIES ${target})
endfunction()

function(fedqat_isa lib isa flags)
  include(CheckCXXCompilerFlag)
  string(TOUPPER ${isa} ISA)
  string(REPLACE ";" " " probe "${flags}")
  check_cxx_compiler_flag("${probe}" FEDQAT_CAN_${ISA})
  add_feature_info(kernels/${isa} FEDQAT_CAN_${ISA} "${probe}")
  if(FEDQAT_CAN_${ISA})
    target_sources(${lib} PRIVATE ${ARGN})
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "${flags}")
    target_compile_definitions(${lib} PRIVATE FEDQAT_HAVE_${ISA})
  endif()
endfunction()

function(fedqat_label target)
  foreach(label IN LISTS ARGN)
    if(NOT TARGET tests_${label})
      add_custom_target(tests_${label})
    endif()
    add_dependencies(tests_${label} ${target})
  endforeach()
endfunction()

function(fedqat_tests folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS;LABELS")
  string(REPLACE "/" "_" target test_${folder})
  list(TRANSFORM arg_SRCS PREPEND ${PROJECT_SOURCE_DIR}/tests/${folder}/ OUTPUT_VARIABLE sources)
  add_executable(${target} ${sources})
  target_link_libraries(${target} PRIVATE ${arg_DEPS} fedqat_options fedqat_test_main)
  target_precompile_headers(${target} REUSE_FROM fedqat_test_pch)
  fedqat_label(${target} ${arg_LABELS})
  foreach(source IN LISTS arg_SRCS)
    get_filename_component(name ${source} NAME_WE)
    set(test ${folder}/${name})
    add_test(NAME ${test} COMMAND ${target} -\# -w NoTests "[#${name}]")
    set_tests_properties(${test} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 900)
  endforeach()
endfunction()
