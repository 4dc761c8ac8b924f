// Reads the frames topic from Apache Kafka: small frames share a record, a line each.
//
//   java -cp "target/kafka/libs/*" examples/consumers/Frames.java 127.0.0.1:19092 parkline
//
// Prints every frame record with its name, partition-offset.index, and at last how many frames lay in how many records.
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public class Frames {
    public static void main(String[] arguments) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", arguments[0]);
        properties.put("isolation.level", "read_committed");
        properties.put("enable.auto.commit", "false");
        properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
        properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
        String topic = (arguments.length > 1 ? arguments[1] : "parkline") + ".frames";
        long records = 0;
        long frames = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            List<TopicPartition> places = new ArrayList<>();
            consumer.partitionsFor(topic).forEach(info -> places.add(new TopicPartition(topic, info.partition())));
            consumer.assign(places);
            consumer.seekToBeginning(places);
            Map<TopicPartition, Long> ends = consumer.endOffsets(places);
            while (!ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue())) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    records++;
                    int index = 0;
                    for (String frame : new String(record.value(), StandardCharsets.UTF_8).split("\n")) {
                        System.out.printf("%d-%d.%d %s%n", record.partition(), record.offset(), index++, frame);
                        frames++;
                    }
                }
            }
        }
        System.out.printf("%d frames in %d records%n", frames, records);
    }
}
