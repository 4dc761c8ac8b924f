#!/usr/bin/env python3
"""Reads the frames topic from Apache Kafka: small frames share a record, a line each.

    pip install confluent-kafka
    examples/consumers/frames.py 127.0.0.1:19092 [PREFIX]

Prints every frame record with its name, partition-offset.index, and at last how many frames lay in how many records.
"""

import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition


def main(brokers, prefix="parkline"):
    topic = f"{prefix}.frames"
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "frames-example",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    records, frames, reading = 0, 0, set(partitions)
    while reading:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise SystemExit(str(message.error()))
            reading.discard(message.partition())
            continue
        records += 1
        for index, frame in enumerate(message.value().split(b"\n")):
            frames += 1
            print(f"{message.partition()}-{message.offset()}.{index}", frame.decode())
    print(f"{frames} frames in {records} records")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*sys.argv[1:3])
