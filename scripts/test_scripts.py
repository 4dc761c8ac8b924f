#!/usr/bin/env python3
"""Tests of the scripts: python3 -B scripts/test_scripts.py"""

import collections
import datetime as dt
import unittest

import check_fair
import check_replay
import dundee
import mall
import shenzhen
from frames import UTC, draw, from_london, in_london


class Time(unittest.TestCase):
    def test_summer_time_begins_on_the_25th_of_march_2018(self):
        for wall, utc in (
            ("2018-03-25T00:58", "2018-03-25T00:58"),
            ("2018-03-25T02:27", "2018-03-25T01:27"),
            ("2018-03-24T12:00", "2018-03-24T12:00"),
            ("2018-10-28T00:59", "2018-10-27T23:59"),
            ("2018-10-28T01:30", "2018-10-28T00:30"),  # twice: the first
            ("2018-10-28T02:00", "2018-10-28T02:00"),
        ):
            self.assertEqual(from_london(wall), dt.datetime.fromisoformat(utc).replace(tzinfo=UTC), wall)

    def test_instants_print_with_the_offset_of_their_day(self):
        self.assertTrue(in_london(from_london("2018-03-25T02:27")).isoformat().endswith("+01:00"))

    def test_a_draw_depends_on_its_key_alone(self):
        self.assertEqual(draw("a", 1), draw("a", 1))
        self.assertNotEqual(draw("a", 1), draw("a", 2))


class Stays(unittest.TestCase):
    def spread(self, *rows):
        self.counts = collections.Counter()
        clean = [
            (from_london("2018-03-12T" + start), end and from_london("2018-03-12T" + end))
            for start, end in rows
        ]
        return [(f"{a:%H:%M:%S}", f"{b:%H:%M:%S}", lost) for a, b, lost in dundee.spread(clean, self.counts)]

    def test_a_departure_and_the_next_arrival_in_one_minute_stay_apart(self):
        self.assertEqual(
            self.spread(("08:00", "09:00"), ("09:00", "10:00")),
            [("08:00:30", "09:00:00", False), ("09:00:30", "10:00:00", False)],
        )

    def test_what_becomes_of_dirty_rows(self):
        self.assertEqual(self.spread(("08:00", "08:00")), [("08:00:30", "08:01:00", False)])
        self.assertEqual(self.spread(("08:00", ""))[0], ("08:00:30", "08:34:00", True))
        self.assertEqual(self.spread(("08:00", ""), ("08:20", "09:00"))[0], ("08:00:30", "08:10:00", True))
        self.assertEqual(self.spread(("08:00", "07:00"))[0], ("08:00:30", "08:34:00", True))
        self.assertEqual(
            self.spread(("08:00", "09:00"), ("08:50", "09:30"))[0], ("08:00:30", "08:50:00", False)
        )


class Plates(unittest.TestCase):
    def test_no_two_stays_share_a_plate(self):
        self.assertEqual(len({shenzhen.plate(stay) for stay in range(39_093)}), 39_093)
        self.assertEqual(len({mall.plate_of(car)[-5:] for car in range(mall.CARS)}), mall.CARS)


class Fees(unittest.TestCase):
    def test_the_payments_of_the_recording_follow_its_tariff(self):
        for minutes, fee in (
            (30, 0),
            (31, 8),
            (60, 8),
            (61, 12),
            (540, 40),
            (1440, 40),
            (1441, 48),
            (3000, 92),
        ):
            self.assertEqual(mall.fee(dt.timedelta(minutes=minutes)), fee, minutes)


class Replays(unittest.TestCase):
    def test_what_does_not_add_up_is_found(self):
        summary = {"frames": 3, "applied": 1, "duplicate": 1, "dead_letters": 1, "sessions": 1, "charges": 1}
        charge = {"session": "s", "total": "3.00", "currency": "CNY", "lines": [{"amount": "3.00"}]}
        records = {"sessions": [{"session": "s"}], "charges": [charge]}
        self.assertEqual(list(check_replay.problems(summary, records)), [])
        self.assertEqual(check_replay.revenue([charge]), {"CNY": "3.00"})
        self.assertEqual(len(list(check_replay.problems({**summary, "applied": 2}, records))), 1)
        wrong = {**charge, "lines": [{"amount": "2.00"}]}
        self.assertEqual(len(list(check_replay.problems(summary, {**records, "charges": [wrong]}))), 1)
        self.assertEqual(
            len(list(check_replay.problems(summary, {**records, "sessions": [{"session": "t"}]}))), 1
        )


class Fairness(unittest.TestCase):
    def test_a_session_that_is_longer_than_its_stay_is_found(self):
        at = lambda text: dt.datetime.fromisoformat(f"2018-03-12T{text}:00+00:00")
        session = lambda entry, exit_: {
            "state": "closed",
            "berth": "b-1",
            "entry": {"at": at(entry).isoformat()},
            "exit": {"at": at(exit_).isoformat()},
        }
        stays = {"1": [(at("08:00"), at("09:00"), False), (at("09:30"), at("10:00"), False)]}
        found = lambda entry, exit_: len(list(check_fair.outside([session(entry, exit_)], stays)))
        self.assertEqual((found("08:00", "09:00"), found("08:10", "08:20")), (0, 0))
        self.assertEqual((found("08:00", "09:01"), found("08:00", "10:00")), (1, 1))


if __name__ == "__main__":
    unittest.main()
