#!/usr/bin/env python3
"""Writes calendar.txt: what systemd-analyze (Debian package systemd) says of calendar expressions.

Each line is an expression, a base time and the next three elapses, in seconds since 1970; `-` is
none. `bad` in place of the base time marks an expression that systemd refuses.
Run as: TZ=UTC python3 calendar-from-systemd.py > calendar.txt
"""
import calendar
import random
import subprocess
import time

FIXED = """
minutely|hourly|daily|weekly|monthly|quarterly|semiannually|yearly|annually|DAILY|daily UTC
weekly UTC|*:0/5|*-*~3|*-02~1|Mon *-05~07/1|Mon-Fri|Mon..Fri,Sun 10:00|Monday|mon|10-12|24-1-1
12:00 UTC|*-*-* 00:00:00 UTC|2024..2030/2-*-*|*-*-*  12:00|Mon  12:00|*:*|*-*-* *:*:*
*-*-1,15..20/2|Wed,Sat..Sun|*-1,3~1|10..10:00|00/23:00|00/12:00|*-*~28|*-*~1..3|*-*~7/6|2024-02-30
12:30..32|12:30..32/2|0:0:0/7|Mon..Sun|0001-1-1|99-1-1|70-1-1|69-1-1|0:0/59|Mon *-*|*-*|*-12
2024/3-*-*|2198/1-*-*|2199-*-*|2199-12-31 23:59:59|010:00|Thu|thursday..Friday|1..5,7..9/1:00
*-*-* 12:00:00,30|Mon-Wed,Fri|*-02-29|Mon *-02-29|*-02-29 23:59:59|2100-02-29|*-02-30|*-4,6-31
Mon *-*-1..7|Mon *-*-1..7 03:30|Fri *-*-13|Sat,Sun *-*-* 08..20/4:15|*-*-31|*-*-30|*-2~1..1
Sun *-3~7/1 01:00|Sun *-10~7/1 01:00|*-*-* 0..23/2:0|*-1/3-1|*-*-1/7|*:0,15,30,45|*:*:0/10
2028-2-29 12:00|2024-2-29,30|2025-2-29|Tue 2024-12-31|Wed 2024-12-31|1970-1-1|*-12-31 23:59:59
*-*~1 23:59:59|*-2~1..28|2096..2104-2-29|2000..2199/100-2-29|2400-1-1|Mon,Wed,Fri *-6..8-10..20 9:30
*-*-* 3:0..59/20|Sat *-1..6/2-1,15 00/4:00|*-1..12/11-*|5..23/6:7..50/9:11..59/13|*-06-31 0:0:0
""".replace("\n", "|").strip("|").split("|")

BAD = """
Fri..Mon|Mon, Tue 10:00|*-*-31/2|1/40:00|5..3:00|00:00:60|2200-1-1|1969-1-1|12|Mon..|*-*-30~1|*-*-0
*,5:00|5,*:00|00/24:00|*-*~31|*-*~29|*-*~3..1|*-*~7/7|12:5/60|Sat..Fri|2024|0:0/60|0:1/59
*-*-*T12:00|Tue~1|-1:00|+1:00|mon..fri *-*-* 1|Thurs|Mon,,Tue|,Mon|Mon -1-1|1:0:0:0|1-1-1-1||UTC
25:00|12:60|*-13-1|*-0-1|*-*-32|12:00 Mon|12:00 *-*-*|daily daily|dailyy|*-*-* 12:00 XYZ|Mon Tue
""".replace("\n", "|").strip("|").split("|")

BASES = ["2024-01-31 12:34:56", "2023-12-31 23:59:59", "2024-02-29 00:00:00", "1970-01-01 00:00:00",
         "2099-12-31 12:00:00", "2027-06-15 08:15:30"]

# systemd 252 steps past the end of a field (day 36, hour 32) and goes on from where that leads, so
# that it misses the first value of the next month or day. Its manual does not say so.
WRONG = ["*-*-1/7|1704067199", "*-*-1/7|4102401600", "6/13,20..21:9:*|1704067199",
         "1/15,21..22:24..39/6:22,3/29|1704067199", "*:0..55/4,8/33:*|1704067199"]


def component(choose, least, most, digits=2):
    def number(low, high):
        return f"{choose.randint(low, high):0{choose.choice((1, digits))}}"
    parts = []
    for _ in range(choose.choice((1, 1, 1, 2, 3))):
        kind = choose.randrange(4)
        first = choose.randint(least, most)
        if kind == 0:
            parts.append(number(least, most))
        elif kind == 1 and first < most:
            parts.append(f"{first}..{choose.randint(first + 1, most)}")
        elif kind == 2 and first < most:
            parts.append(f"{first}/{choose.randint(1, most - first)}")
        elif first + 2 < most:
            last = choose.randint(first + 2, most)
            parts.append(f"{first}..{last}/{choose.randint(1, last - first)}")
        else:
            parts.append(number(least, most))
    return "*" if choose.random() < 0.3 else ",".join(parts)


def invent(choose):
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    words = []
    if choose.random() < 0.4:
        first = choose.randrange(6)
        words.append(choose.choice((",".join(choose.sample(days, 2)),
                                    f"{days[first]}..{days[choose.randint(first + 1, 6)]}")))
    date = choose.random() < 0.7
    if date:
        month = component(choose, 1, 12)
        if choose.random() < 0.25:
            first = choose.randint(1, 26)
            text = month + "~" + choose.choice((
                str(first), f"{first}..{choose.randint(first + 1, 28)}",
                f"{first + 1}/{choose.randint(1, first)}"))
        else:
            text = month + "-" + component(choose, 1, 31)
        if choose.random() < 0.6:
            text = choose.choice(("*", "*", "2024..2040", "2020/4", "2025,2028,2031")) + "-" + text
        words.append(text)
    if choose.random() < 0.7 or not words:
        text = component(choose, 0, 23) + ":" + component(choose, 0, 59)
        if choose.random() < 0.5:
            text += ":" + component(choose, 0, 59)
        words.append(text)
    return " ".join(words)


def ask(expression, base):
    result = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=3", f"--base-time={base} UTC", "--",
         expression], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return None
    times = []
    for line in result.stdout.splitlines():
        label, _, rest = line.strip().partition(": ")
        if label.startswith(("Next elapse", "Iter.")) and rest != "never":
            times.append(calendar.timegm(time.strptime(rest, "%a %Y-%m-%d %H:%M:%S UTC")))
    return times


def main():
    choose = random.Random(1)
    expressions = FIXED + [invent(choose) for _ in range(320)]
    for index, expression in enumerate(expressions):
        bases = BASES if index < len(FIXED) else choose.sample(BASES, 2)
        for base in bases:
            times = ask(expression, base)
            if times is None:
                print(f"{expression}|bad")
                break
            at = calendar.timegm(time.strptime(base, "%Y-%m-%d %H:%M:%S"))
            cells = [str(moment) for moment in times] + ["-"] * (3 - len(times))
            if f"{expression}|{at}" in WRONG:
                continue
            print("|".join([expression, str(at)] + cells))
    for expression in BAD:
        assert ask(expression, BASES[0]) is None, expression
        print(f"{expression}|bad")


main()
