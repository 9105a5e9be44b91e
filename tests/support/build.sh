# Builds and installs this checkout.

configure() {  # FOLDER CMAKE-OPTION...
    local folder=$1
    shift
    quiet "$folder.log" cmake -G Ninja -S "$top" -B "$folder" -DCMAKE_C_COMPILER_LAUNCHER=ccache \
        -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_INSTALL_PREFIX=/usr "$@"
}

# build_tree KIND: KIND is release (build/), asan (build-asan/) or fuzz (build-fuzz/). Two calls at once take turns.
build_tree() (
    local kind=$1 folder options=() targets=() needed=(build)
    case $kind in
        release)
            folder=$top/build
            # A developer's own choice of build type in build/ is kept. Unit tests are built with sanitizers only (asan).
            [ -e "$folder/CMakeCache.txt" ] || options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo -DGANTRY_TESTS=OFF)
            # clang is there for bpf/ and compiles these sources in five sixths of the time that g++ takes. The unit tests are g++'s.
            [ -e "$folder/CMakeCache.txt" ] || options+=(-DCMAKE_C_COMPILER=clang-16 -DCMAKE_CXX_COMPILER=clang++-16)
            ;;
        asan) folder=$top/build-asan options=(-DCMAKE_BUILD_TYPE=Debug -DGANTRY_SANITIZE=ON) needed+=(unit) ;;
        fuzz)
            folder=$top/build-fuzz targets=(fuzzers) needed+=(fuzz)
            options=(-DCMAKE_BUILD_TYPE=Debug -DGANTRY_FUZZ=ON -DGANTRY_TESTS=OFF
                -DCMAKE_C_COMPILER=clang-16 -DCMAKE_CXX_COMPILER=clang++-16)
            ;;
    esac
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
