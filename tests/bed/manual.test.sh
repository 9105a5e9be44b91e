# Manual pages: one for every verb and none besides, made without a warning, found by man.

man1=/usr/share/man/man1

test_every_verb_has_its_page_and_every_page_its_verb() {
    gantry __manual pages | sed 's/ .*//; s/^/gantry-/' | sort >/tmp/verbs
    [ "$(wc -l </tmp/verbs)" -gt 50 ] || fail "only $(wc -l </tmp/verbs) verbs"
    find $man1 -name 'gantry-*.1' -printf '%f\n' | sed 's/\.1$//' | sort >/tmp/pages
    assert_eq '' "$(comm -3 /tmp/verbs /tmp/pages)" 'verbs without a page, and (indented) pages without a verb'
}

test_hidden_verbs_have_none() {
    assert_lacks "$(gantry __manual pages)" __
}

test_pages_are_made_without_a_warning() {
    # .so is relative to the folder above man1.
    cd /usr/share/man || return 1
    local pages=(man1/gantry*.1 man5/gantry*.5 man8/gantry*.8 man5/ctr@.service.5)
    [ ${#pages[@]} -gt 90 ] || fail "only ${#pages[@]} pages"
    assert_eq '' "$(groff -t -K utf8 -man -T utf8 -ww -z "${pages[@]}" 2>&1)" 'warnings'
}

test_man_finds_them_by_name() {
    local name
    for name in gantry gantry-run gantry-network-create gantryd gantry-launch gantry-definition gantry.toml ctr@.service; do
        man -w "$name" >/dev/null || fail "man $name"
    done
    assert_eq "$(man gantry-run | head -n 5)" "$(man gantry-container-run | head -n 5)" 'the page of the longer name'
    assert_eq "$(man gantry-ps | head -n 5)" "$(man gantry-container-ls | head -n 5)" 'the page of the longer name'
}

test_pages_tell_every_option_that_help_tells() {
    local page words flag told
    while read -r page target; do
        [ -z "$target" ] || continue
        read -ra words <<<"${page//-/ }"
        told=$(sed 's/\\-/-/g' "$man1/gantry-$page.1")
        for flag in $(gantry "${words[@]}" --help | sed -n '/^Options:/,/^$/p' | grep -oE '^ +(-[a-zA-Z],)?--[a-z0-9-]+' |
            grep -oE -- '--[a-z0-9-]+'); do
            [ "$flag" = --help ] || assert_contains "$told" "fB$flag\\fR"
        done
    done < <(gantry __manual pages)
}

test_references_lead_somewhere() {
    local reference
    for reference in $(cat /usr/share/man/man[158]/{gantry,ctr@}* | grep -oE '\\fB(gantry[a-z.-]*|ctr@\.service)\\fR\([158]\)' |
        sed 's/\\f[BR]//g' | sort -u); do
        man -w "${reference: -2:1}" "${reference%(*}" >/dev/null || fail "no page $reference"
    done
}

test_units_name_pages_that_are_there() {
    local uri
    for uri in $(grep -ho 'man:[^ ]*' /usr/lib/systemd/system/ctr* /usr/lib/systemd/system/gantryd.service | sort -u | grep -E '^man:(gantry|ctr)'); do
        uri=${uri#man:}
        man -w "${uri: -2:1}" "${uri%(*}" >/dev/null || fail "no page $uri"
    done
}
