#!/bin/sh
# Copies the licences of all crates that the binary holds, as their authors ship them, into a directory.
# usage: docker/collect-licences.sh TARGET DIRECTORY
set -eu
target=$1 into=$2
sources=${CARGO_HOME:-$HOME/.cargo}/registry/src

cargo tree --locked --target "$target" --edges normal --prefix none --format '{p}' | sort -u | while read -r name version _; do
    crate=$name-${version#v}
    for source in "$sources"/*/"$crate"; do
        [ -d "$source" ] || continue
        mkdir -p "$into/$crate"
        find "$source" -maxdepth 2 -type f \
            \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'copyright*' -o -iname 'notice*' -o -iname 'unlicense*' \) \
            -exec cp {} "$into/$crate/" \;
        # Some name only the licence, in their manifest.
        rmdir "$into/$crate" 2>/dev/null && mkdir "$into/$crate" && grep '^\(license\|authors\|repository\)' "$source/Cargo.toml" \
            >"$into/$crate/LICENSE" || true
    done
done
[ -n "$(ls "$into")" ]
