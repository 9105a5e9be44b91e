# gantry_bpf(NAME HEADERS...): programs for the kernel, NAME.bpf.c of the folder at hand. clang compiles them, bpftool makes the
# skeleton that carries them: NAME.skel.h, struct NAME_bpf. NAME_build.hpp has their digest, gantry::NAME::build: it names the pins, so
# that what two builds of different programs pin is not confused. Both in the binary folder.
find_program(GANTRY_CLANG NAMES clang-16 clang-19 clang REQUIRED)
find_program(GANTRY_BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)
function(gantry_bpf name)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${name}.bpf.c)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${GANTRY_CLANG} -target bpf -O2 -g -Wall -Werror -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -fdebug-prefix-map=${CMAKE_SOURCE_DIR}=. -c ${source} -o ${object}
    DEPENDS ${source} ${ARGN}
    VERBATIM)
  add_custom_command(
    OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h
    COMMAND sh -c "\"$1\" gen skeleton \"$2\" name \"$3\" >\"$4\"" skeleton ${GANTRY_BPFTOOL} ${object} ${name}_bpf ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h
    DEPENDS ${object}
    VERBATIM)
  add_custom_command(
    OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}_build.hpp
    COMMAND sh -c "echo \"namespace gantry::$2 { inline constexpr char build[] = \\\"$(sha256sum <\"$1\" | cut -c1-12)\\\"; }\" >\"$3\""
            digest ${object} ${name} ${CMAKE_CURRENT_BINARY_DIR}/${name}_build.hpp
    DEPENDS ${object}
    VERBATIM)
endfunction()
