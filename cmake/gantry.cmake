# Flags and helpers that every folder uses.
add_library(gantry_flags INTERFACE)
target_compile_options(gantry_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual -Wformat=2 -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
  # A precompiled header is the same whenever it was made: what ccache needs to know it again.
  "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-Xclang -fno-pch-timestamp>"
  -fPIC -fstack-protector-strong -fno-strict-overflow -ffunction-sections -fdata-sections)
target_compile_definitions(gantry_flags INTERFACE _GNU_SOURCE GANTRY_VERSION="${PROJECT_VERSION}")
if(NOT GANTRY_SANITIZE AND NOT GANTRY_FUZZ)
  target_compile_definitions(gantry_flags INTERFACE $<$<CONFIG:RelWithDebInfo>:_FORTIFY_SOURCE=2>)
endif()
target_include_directories(gantry_flags INTERFACE ${CMAKE_SOURCE_DIR}/core ${CMAKE_SOURCE_DIR}/core/include)
target_link_options(gantry_flags INTERFACE -Wl,--as-needed -Wl,--gc-sections -Wl,-z,relro,-z,now)
target_link_libraries(gantry_flags INTERFACE Threads::Threads)
if(GANTRY_SANITIZE)
  target_compile_options(gantry_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(gantry_flags INTERFACE -fsanitize=address,undefined)
endif()
if(GANTRY_FUZZ)
  target_compile_options(gantry_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
  target_link_options(gantry_flags INTERFACE -fsanitize=address,undefined)
endif()

set(GANTRY_LIBEXECDIR ${CMAKE_INSTALL_FULL_LIBEXECDIR}/gantry)
# Drivers live in a folder named after the ABI they were built for: two engines can be installed side by side.
set(GANTRY_DRIVERDIR ${CMAKE_INSTALL_FULL_LIBDIR}/gantry/1)

# The standard headers that nearly every file includes, compiled once and shared by all libraries.
add_library(gantry_pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(gantry_pch PUBLIC gantry_flags)
target_precompile_headers(gantry_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.hpp)

# What starts with every container, and what it loads, has the C++ runtime and fmt in itself: finding, mapping and relocating them as
# shared libraries is a tenth of a start. (What links a C++ library of the system, as gantryd does, must share its runtime.)
function(gantry_static_runtime target)
  if(NOT GANTRY_SANITIZE AND NOT GANTRY_FUZZ)
    target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()

# gantry_library(NAME SOURCES... [LINK libs...]): a static library of core/.
function(gantry_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC gantry_flags ${arg_LINK})
  target_precompile_headers(${name} REUSE_FROM gantry_pch)
endfunction()

# gantry_program(NAME FOLDER SOURCES... LINK libs... [SHARED_RUNTIME]): installed into FOLDER, relative to the prefix.
function(gantry_program name folder)
  cmake_parse_arguments(arg "SHARED_RUNTIME" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE gantry_flags ${arg_LINK})
  target_precompile_headers(${name} REUSE_FROM gantry_pch)
  if(NOT arg_SHARED_RUNTIME)
    gantry_static_runtime(${name})
  endif()
  install(TARGETS ${name} DESTINATION ${folder})
endfunction()

# gantry_driver(NAME KIND SOURCES... LINK libs...): KIND is storage or network; becomes KIND/NAME.so.
function(gantry_driver name kind)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${kind}_${name} MODULE ${arg_SOURCES})
  target_link_libraries(${kind}_${name} PRIVATE gantry_os gantry_base ${arg_LINK})
  target_precompile_headers(${kind}_${name} REUSE_FROM gantry_pch)
  # Exports its descriptor and nothing else: what it links of ours must not be resolved against another driver's copy.
  target_link_options(${kind}_${name} PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/driver.map -Wl,-Bsymbolic)
  set_target_properties(${kind}_${name} PROPERTIES LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/driver.map)
  gantry_static_runtime(${kind}_${name})
  set_target_properties(${kind}_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/drivers/${kind})
  install(TARGETS ${kind}_${name} DESTINATION ${GANTRY_DRIVERDIR}/${kind})
endfunction()

# What the unit tests need: not every program that is installed (./dev build asan).
add_custom_target(unit_tests)

# gantry_test(NAME SOURCES... LINK libs...): a GoogleTest program, run by ctest.
function(gantry_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(test_${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE gantry_flags ${arg_LINK} GTest::gmock GTest::gtest_main)
  target_precompile_headers(test_${name} REUSE_FROM gantry_pch)
  target_compile_definitions(test_${name} PRIVATE GANTRY_SOURCE_DIR="${CMAKE_SOURCE_DIR}" GANTRY_BUILD_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND test_${name})
  add_dependencies(unit_tests test_${name})
endfunction()
