"""Writes holidays.csv from the package chinesecalendar (MIT):

    pip install chinesecalendar==1.11.0 && python3 data/make_holidays.py > data/holidays.csv
"""

from chinese_calendar.constants import Holiday, holidays, workdays

print("# China's public holidays (off) and make-up workdays (work), as announced by the State Council.")
print("# Source: chinesecalendar 1.11.0 (MIT). A make-up workday may name its weekday, as in work:fri.")
print("date,kind,name")
days = [(date, "off", name) for date, name in holidays.items()]
days += [(date, "work", name) for date, name in workdays.items()]
for date, kind, name in sorted(days):
    print(f"{date},{kind},{Holiday(name).chinese}")
