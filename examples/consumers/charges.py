#!/usr/bin/env python3
"""Reads charges from Apache Kafka and keeps the newest of every session.

    pip install confluent-kafka
    examples/consumers/charges.py 127.0.0.1:19092 [PREFIX]

It prints a line for each new revision, and the sum of what is due when it has read what is there. A reader that stores the
position of each record with its work (here: nowhere) sees every charge once.
"""

import json
import sys
from decimal import Decimal

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition


def main(brokers, prefix="parkline"):
    topic = f"{prefix}.charges"
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "charges-example",
            # Nothing of a transaction is seen before it is committed, and nothing that was aborted.
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    newest, reading = {}, set(partitions)
    while reading:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise SystemExit(str(message.error()))
            reading.discard(message.partition())
            continue
        charge = json.loads(message.value())
        headers = dict(message.headers() or [])
        # A session's charges lie in one partition and in order: the last one counts.
        newest[charge["session"]] = charge
        event = headers.get("ce_id", b"-").decode()
        # A charge that could not be priced has `error` instead of amounts.
        print(event, charge["session"], "revision", charge["revision"], "due", charge.get("due", "-"))
    due = sum(Decimal(charge["due"]) for charge in newest.values() if "due" in charge)
    print(f"{len(newest)} sessions, {due:.2f} due")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*sys.argv[1:3])
