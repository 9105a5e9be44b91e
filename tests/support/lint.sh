# ./dev fmt and ./dev lint.

cpp_files() { git -C "$top" ls-files -z '*.cpp' '*.hpp'; }

fmt_main() {
    need_packages lint
    cd "$top" && cpp_files | xargs -0 clang-format -i
}

lint_main() {
    local bad=0 file found
    mkdir -p "$top/build"
    need_packages lint
    cd "$top" || return 1
    case ${1:-} in
        --help | -h) echo 'usage: ./dev lint [tidy [FILE]...]: format, scripts and house rules; with "tidy" clang-tidy too (slow)'; return 0 ;;
    esac
    { cpp_files | xargs -0 clang-format --dry-run -Werror 2>&1 || true; } | { grep -E "error:" || true; } | cut -d: -f1 | sort | uniq -c |
        sed 's/^ *\([0-9]*\) \(.*\)/\2: \1 places are not formatted (.\/dev fmt)/' >"$top/build/lint-format"
    [ ! -s "$top/build/lint-format" ] || { cat "$top/build/lint-format"; bad=1; }
    # shellcheck disable=SC2046  # file names without spaces
    shellcheck --external-sources --source-path=SCRIPTDIR --severity=warning --exclude=SC1090,SC2034,SC2120,SC2128,SC2154,SC2178 --shell=bash \
        $(git ls-files dev .ci/run '*.sh' | grep -v vm-initrd) || bad=1
    # TRY as a later element of a braced list leaks the earlier ones (base/result.hpp).
    found=$(cpp_files | xargs -0 grep -nE '\{[^{};]*[A-Za-z_)"][^{};]*, *TRY(_CONTEXT)?\(' | grep -vE '(if|for|while|else|TRY_CONTEXT) *\(.*\) *TRY|\) \{|\w+\([^)]*, *TRY' || true)
    [ -z "$found" ] || { echo "$found" | sed 's/$/   <- TRY inside a braced list/'; bad=1; }
    while IFS= read -r -d '' file; do
        [ "$(wc -l <"$file")" -le 400 ] || { echo "$file: longer than 400 lines"; bad=1; }
        [[ $file != *.hpp ]] || grep -q '#pragma once' "$file" || { echo "$file: no '#pragma once'"; bad=1; }
    done < <(cpp_files)
    if [ "${1:-}" = tidy ]; then
        shift
        [ $# -gt 0 ] || mapfile -d '' -t files < <(git ls-files -z 'core/*.cpp' 'plugins/*.cpp' 'netplugins/*.cpp')
        [ $# = 0 ] || files=("$@")
        build_tree asan && printf '%s\0' "${files[@]}" | xargs -0 -n 4 -P 2 "clang-tidy-$clang_version" -quiet -p "$top/build-asan" \
            -checks='-*,bugprone-*,-bugprone-easily-swappable-parameters,clang-analyzer-*,performance-*' || bad=1
    fi
    return $bad
}
