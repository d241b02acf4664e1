#!/bin/sh
# Makes the shipped prompts anew: 8 kHz mono A-law WAV files beside this script.
# Needs the Debian packages espeak-ng and sox. README.md has the words.
set -eu
cd "$(dirname "$0")"
raw=$(mktemp -d)
trap 'rm -r "$raw"' EXIT

say() { # name, pinyin with tone numbers
    espeak-ng -v cmn-latn-pinyin -s 165 -w "$raw/$1.wav" "$2"
    sox -D -v 0.7 "$raw/$1.wav" -r 8000 -c 1 -e a-law "$1.wav" \
        silence 1 0.01 0.2% reverse silence 1 0.01 0.2% reverse \
        highpass 200 lowpass 3600 norm -4 pad 0.1 0.15
}

say welcome          "nin2 hao3 , huan1 ying2 zhi4 dian4"
say recording_notice "wei4 bao3 zheng4 fu2 wu4 zhi4 liang4 , ben3 ci4 tong1 hua4 jiang1 bei4 lu4 yin1"
say all_busy         "nin2 hao3 , zuo4 xi2 quan2 mang2 , qing3 shao1 hou4 zai4 bo1"
say not_in_service   "nin2 bo1 da3 de5 hao4 ma3 wei4 qi3 yong4"
say barred           "dui4 bu5 qi3 , nin2 de5 lai2 dian4 wu2 fa3 jie1 tong1"
say cap_reached      "nin2 bo1 da3 de5 hao4 ma3 zan4 shi2 wu2 fa3 jie1 tong1"
say after_hours      "xian4 zai4 shi4 xia4 ban1 shi2 jian1 , qing3 zai4 gong1 zuo4 shi2 jian1 lai2 dian4"
say no_answer        "nin2 bo1 da3 de5 dian4 hua4 zan4 shi2 wu2 ren2 jie1 ting1"
say enter_password   "qing3 shu1 ru4 mi4 ma3 , yi3 jing3 hao4 jian4 jie2 shu4"
say wrong_password   "mi4 ma3 cuo4 wu4 , qing3 chong2 xin1 shu1 ru4"
key=0
for word in ling2 yi1 er4 san1 si4 wu3 liu4 qi1 ba1 jiu3; do
    say press_$key "qing3 an4 $word jian4 ji4 xu4"
    key=$((key + 1))
done

# The colour ring: a melody of eight notes of 400 ms on the pentatonic scale, plucked, looped without a seam.
note=0
for hz in 523.25 587.33 659.25 783.99 880.00 783.99 659.25 587.33; do
    sox -D -n -r 8000 -c 1 "$raw/note$note.wav" synth 0.4 sine $hz synth 0.4 sine mix $(awk "BEGIN{print $hz*2}") fade t 0.01 0.4 0.3
    note=$((note + 1))
done
sox -D "$raw"/note[0-7].wav -e a-law colour_ring.wav norm -8
