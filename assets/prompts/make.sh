#!/bin/sh
# Makes the shipped prompts anew: 8 kHz mono A-law WAV files beside this script, all of one loudness.
# Needs the Debian packages espeak-ng and sox, and cargo. words.tsv has the words, README.md the rest.
set -eu
cd "$(dirname "$0")"
raw=$(mktemp -d)
trap 'rm -r "$raw"' EXIT
mkdir "$raw/spoken" "$raw/trimmed" "$raw/notes"

grep -v '^#' words.tsv | while IFS="$(printf '\t')" read -r name language words say; do
    case $language in
    zh) voice='-v cmn-latn-pinyin -s 165' ;;
    *) voice='-v en-us -s 155' ;;
    esac
    # shellcheck disable=SC2086 # the voice is two options
    printf '%s' "${say:-$words}" | espeak-ng $voice --stdin -w "$raw/spoken/$name.wav"
    sox -D -v 0.7 "$raw/spoken/$name.wav" -r 8000 -c 1 -b 16 "$raw/trimmed/$name.wav" \
        highpass 200 lowpass 3600 \
        silence 1 0.01 0.2% fade t 0.005 reverse silence 1 0.01 0.2% fade t 0.01 reverse pad 0.04 0.08
done

# What is said over and over has a breath behind it.
sox -D "$raw/trimmed/confirm_call.wav" "$raw/notes/confirm_call.wav" pad 0 1
mv "$raw/notes/confirm_call.wav" "$raw/trimmed/confirm_call.wav"

# The colour ring: a melody of eight notes of 400 ms on the pentatonic scale, plucked, looped without a seam.
note=0
for hz in 523.25 587.33 659.25 783.99 880.00 783.99 659.25 587.33; do
    sox -D -n -r 8000 -c 1 "$raw/notes/$note.wav" synth 0.4 sine $hz synth 0.4 sine mix "$(awk "BEGIN{print $hz*2}")" fade t 0.01 0.4 0.3
    note=$((note + 1))
done
sox -D "$raw"/notes/[0-7].wav -b 16 "$raw/trimmed/colour_ring.wav" norm -8

# The tone after which a message is recorded.
sox -D -n -r 8000 -c 1 -b 16 "$raw/trimmed/beep.wav" synth 0.5 sine 1000 fade t 0.01 0.5 0.02

cargo run --quiet -p media --example prompts -- level "$raw/trimmed" .
cargo run --quiet -p media --example prompts -- hold hold_music.wav
# A breath between groups of digits.
sox -D -n -r 8000 -c 1 -e a-law pause.wav trim 0 0.2
