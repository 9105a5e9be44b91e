# Builds and installs this checkout.
clang_version=16  # the first that has all of C++20 that we write
[ "$suite" = bookworm ] || clang_version=19

configure() {  # FOLDER CMAKE-OPTION...
    local folder=$1
    shift
    quiet "$folder.log" cmake -G Ninja -S "$top" -B "$folder" -DCMAKE_C_COMPILER_LAUNCHER=ccache \
        -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_INSTALL_PREFIX=/usr "$@"
}

# build_tree KIND: KIND is release (build/), asan (build-asan/), fuzz (build-fuzz/) or gcc (build-gcc/: does g++, which packages are built
# with, like it too?). Two calls at once take turns.
build_tree() (
    local kind=$1 folder options=() targets=() needed=(build)
    # clang is there for bpf/ and compiles these sources in five sixths of the time that g++ takes, with sanitizers in half of it.
    local clang=(-DCMAKE_C_COMPILER="clang-$clang_version" -DCMAKE_CXX_COMPILER="clang++-$clang_version")
    case $kind in
        # Unit tests are built with sanitizers only (asan).
        release) folder=$top/build options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo -DGANTRY_TESTS=OFF "${clang[@]}") ;;
        gcc) folder=$top/build-gcc options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++) ;;
        asan)
            folder=$top/build-asan targets=(unit_tests) needed+=(unit)
            options=(-DCMAKE_BUILD_TYPE=Debug -DGANTRY_SANITIZE=ON "${clang[@]}")
            ;;
        fuzz)
            folder=$top/build-fuzz targets=(fuzzers) needed+=(fuzz)
            options=(-DCMAKE_BUILD_TYPE=Debug -DGANTRY_FUZZ=ON -DGANTRY_TESTS=OFF "${clang[@]}")
            ;;
        *) die "build: no kind '$kind'" ;;
    esac
    # A folder that is there keeps what its developer chose.
    [ ! -e "$folder/CMakeCache.txt" ] || options=()
    need_packages "${needed[@]}"
    mkdir -p "$folder"
    exec 9>"$folder/.dev.lock"
    flock 9
    [ -e "$folder/build.ninja" ] && grep -q '^CMAKE_INSTALL_PREFIX:PATH=/usr$' "$folder/CMakeCache.txt" ||
        configure "$folder" "${options[@]}" || exit 1
    say "building ${folder#"$top"/}"
    if [ -t 2 ]; then ninja -C "$folder" "${targets[@]}" >&2; else quiet "$folder/dev-build.log" ninja -C "$folder" "${targets[@]}"; fi
)

# install_tree DESTDIR: what a distribution's package would hold.
install_tree() {
    quiet "$top/build/dev-install.log" env DESTDIR="$1" cmake --install "$top/build" --prefix /usr --strip
}
