// Reads charges from Apache Kafka, each once, and keeps the newest of every session.
//
//   java -cp "target/kafka/libs/*" examples/consumers/Charges.java 127.0.0.1:19092 parkline [FROM-FILE]
//
// One file, no build: Java 17 runs it, with Kafka's client on the class path (scripts/kafka.sh brings it, Maven too:
// org.apache.kafka:kafka-clients). It prints a line for each new revision, and the sum of what is due when it has read
// what is there. Where positions are kept with the work, as in the file here, every charge is counted once, whatever
// stops the reader; a database would keep both in one transaction.
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Charges {
    public static void main(String[] arguments) throws IOException {
        String brokers = arguments[0];
        String prefix = arguments.length > 1 ? arguments[1] : "parkline";
        Path kept = arguments.length > 2 ? Path.of(arguments[2]) : null;
        Properties properties = new Properties();
        properties.put("bootstrap.servers", brokers);
        // Nothing of a transaction is seen before it is committed, and nothing that was aborted.
        properties.put("isolation.level", "read_committed");
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        properties.put("key.deserializer", StringDeserializer.class.getName());
        properties.put("value.deserializer", StringDeserializer.class.getName());
        String topic = prefix + ".charges";
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
            List<TopicPartition> places = new ArrayList<>();
            consumer.partitionsFor(topic).forEach(info -> places.add(new TopicPartition(topic, info.partition())));
            consumer.assign(places);
            consumer.seekToBeginning(places);
            Map<Integer, Long> next = read(kept);
            next.forEach((partition, offset) -> consumer.seek(new TopicPartition(topic, partition), offset));
            Map<TopicPartition, Long> ends = consumer.endOffsets(places);
            Map<String, Long> due = new HashMap<>();
            while (!ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue())) {
                for (ConsumerRecord<String, String> charge : consumer.poll(Duration.ofSeconds(1))) {
                    // A session's charges lie in one partition and in order: the last one counts.
                    due.put(charge.key(), minor(text(charge.value(), "due")));
                    next.put(charge.partition(), charge.offset() + 1);
                    System.out.printf("%s %s revision %s due %s %s%n", header(charge, "ce_id"), charge.key(),
                            number(charge.value(), "revision"), text(charge.value(), "due"),
                            text(charge.value(), "currency"));
                }
                keep(kept, next);
            }
            long sum = due.values().stream().mapToLong(Long::longValue).sum();
            System.out.printf("%d sessions, %d.%02d due%n", due.size(), sum / 100, sum % 100);
        }
    }

    private static String header(ConsumerRecord<String, String> record, String name) {
        Header header = record.headers().lastHeader(name);
        return header == null ? "-" : new String(header.value(), StandardCharsets.UTF_8);
    }

    // A reader of your own has a JSON library; two fields are found without one.
    private static String text(String json, String field) {
        Matcher found = Pattern.compile('"' + field + "\":\"([^\"]*)\"").matcher(json);
        return found.find() ? found.group(1) : "-";
    }

    private static String number(String json, String field) {
        Matcher found = Pattern.compile('"' + field + "\":([0-9]+)").matcher(json);
        return found.find() ? found.group(1) : "-";
    }

    // Amounts are decimal text, so that nobody makes a float of money.
    private static long minor(String amount) {
        if (amount.equals("-")) {
            return 0;
        }
        return new java.math.BigDecimal(amount).movePointRight(2).longValueExact();
    }

    private static Map<Integer, Long> read(Path kept) throws IOException {
        Map<Integer, Long> next = new HashMap<>();
        if (kept != null && Files.exists(kept)) {
            for (String line : Files.readAllLines(kept)) {
                String[] parts = line.split(" ");
                next.put(Integer.valueOf(parts[0]), Long.valueOf(parts[1]));
            }
        }
        return next;
    }

    private static void keep(Path kept, Map<Integer, Long> next) throws IOException {
        if (kept == null) {
            return;
        }
        List<String> lines = new ArrayList<>();
        next.forEach((partition, offset) -> lines.add(partition + " " + offset));
        Path whole = Files.write(kept.resolveSibling(kept.getFileName() + ".new"), lines);
        Files.move(whole, kept, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
