import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.zip.CRC32C;

/** The frames of decode.rs in plain Java: `java Decode.java` (JDK 17 or later) prints the best of 50 rounds. */
public class Decode {
    record Heartbeat(String device, long sequence, Boolean occupied, double batteryVolts) {}

    record Dingtek(int level, boolean park, double volts, int[] axes, int counter) {}

    static Heartbeat nativeFrame(byte[] bytes) {
        ByteBuffer frame = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        CRC32C crc = new CRC32C();
        crc.update(bytes, 8, bytes.length - 8);
        if (frame.getInt(0) != 0x0a4b50f5 || frame.getInt(4) != (int) crc.getValue()) {
            throw new IllegalArgumentException("checksum");
        }
        int state = frame.get(48 + 12);
        Boolean occupied = state == 1 ? Boolean.FALSE : state == 2 ? Boolean.TRUE : null;
        return new Heartbeat(Long.toHexString(frame.getLong(24)), frame.getInt(36) & 0xffffffffL, occupied,
                (frame.getShort(48 + 8) & 0xffff) / 1000.0);
    }

    static Dingtek dingtek(byte[] bytes) {
        ByteBuffer frame = ByteBuffer.wrap(bytes);
        if (bytes.length != 21 || frame.get(0) != (byte) 0x80 || frame.get(20) != (byte) 0x81) {
            throw new IllegalArgumentException("frame");
        }
        int[] axes = {frame.getShort(11), frame.getShort(13), frame.getShort(15)};
        return new Dingtek(frame.getShort(5) & 0xffff, (frame.get(7) & 0xf0) != 0,
                (frame.getShort(9) & 0xffff) / 100.0, axes, frame.getShort(17) & 0xffff);
    }

    static byte[] hex(String text) {
        return java.util.HexFormat.of().parseHex(text);
    }

    interface Work { long run(); }

    static void best(String name, Work work) {
        ArrayList<Double> rounds = new ArrayList<>();
        long sink = 0;
        for (int round = 0; round < 50; round++) {
            long from = System.nanoTime();
            for (int i = 0; i < 200_000; i++) sink += work.run();
            rounds.add((System.nanoTime() - from) / 200_000.0);
        }
        System.out.printf("%-24s %8.1f ns (%d)%n", name, Collections.min(rounds), sink & 1);
    }

    public static void main(String[] args) {
        byte[] heartbeat = hex(args.length > 0 ? args[0] : "");
        byte[] dingtek = hex("800002011500000000016f0079ffb0fff500000081");
        if (heartbeat.length > 0) best("native heartbeat 64 B", () -> nativeFrame(heartbeat).sequence());
        best("dingtek-do200", () -> dingtek(dingtek).counter());
    }
}
