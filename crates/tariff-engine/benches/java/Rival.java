import java.time.*;

/** The rival: careful hand-written loops, one for each of two tariffs, in fen and epoch seconds. Local time by java.time,
 *  so that a change of the clock is priced right; every unit is counted, as such loops do. `cargo bench --bench rivals`
 *  starts it with the types of the days and checks that its sums are those of the engine and the oracle. */
public final class Rival {
    static final ZoneId ZONE = ZoneId.of("Asia/Shanghai");
    /** Of each date from FIRST on: 0 workday, 1 Friday, 2 rest day, 3 special day. */
    static byte[] types;
    static long first;
    static volatile long sink;

    /** 07:30 to 21:00 every day: 30 min free, to 60 min 3.00, then 1.00 for each whole hour that begins; again each day. */
    static long tiered(long entry, long exit) {
        long total = 0;
        LocalDate date = Instant.ofEpochSecond(entry).atZone(ZONE).toLocalDate();
        for (;; date = date.plusDays(1)) {
            long open = date.atTime(7, 30).atZone(ZONE).toEpochSecond();
            if (open >= exit) return total;
            long from = Math.max(entry, open);
            long close = date.atTime(21, 0).atZone(ZONE).toEpochSecond();
            if (Math.min(exit, close) - from > 1800) total += 300;
            for (long unit = from + 3600; unit < close && unit + 3600 <= exit; unit += 3600) total += 100;
        }
    }

    static final long[] DAY_PRICE = {200, 250, 100, 300}, NIGHT_PRICE = {100, 150, 50, 150};
    static final long[] DAY_CAP = {3000, 3500, 1500, 4000}, NIGHT_CAP = {800, 1000, 500, 2000};
    static final int[] ENDS = {8 * 3600, 20 * 3600, 24 * 3600};

    /** Four types of days, each with a day and a night window: 15 min free, then by the half hour; a cap a window, 50 a day.
     *  A unit that runs at the end of its window goes on, but not past midnight. */
    static long dayTypes(long entry, long exit) {
        long total = 0, night = 0, at = entry;
        int nightType = -1;
        LocalDate date = Instant.ofEpochSecond(entry).atZone(ZONE).toLocalDate();
        for (long midnight = date.atStartOfDay(ZONE).toEpochSecond(); at < exit; ) {
            date = date.plusDays(1);
            long next = date.atStartOfDay(ZONE).toEpochSecond(), end = Math.min(exit, next);
            int type = types[(int) (date.toEpochDay() - 1 - first)];
            long sum = 0, nightTime = 0;
            for (int piece = 0; piece < 3; piece++) {
                long to = Math.min(end, midnight + ENDS[piece]), time = piece == 1 ? 0 : nightTime;
                if (at >= to) continue;
                // The window that closes this morning opened yesterday, perhaps by another rule.
                if (piece == 2 || piece == 0 && nightType != type) night = 0;
                long price = (piece == 1 ? DAY_PRICE : NIGHT_PRICE)[type];
                long window = piece == 1 ? 0 : night, cap = (piece == 1 ? DAY_CAP : NIGHT_CAP)[type];
                while (at < to) {
                    long used = time < 900 ? Math.min(900 - time, to - at) : Math.min(1800, end - at);
                    if (time >= 900) {
                        long kept = Math.min(cap, window + price) - Math.min(cap, window);
                        window += price;
                        sum += Math.min(kept, 5000 - sum);
                    }
                    time += used;
                    at += used;
                }
                if (piece != 1) { night = window; nightTime = time; nightType = type; }
            }
            total += sum;
            midnight = next;
        }
        return total;
    }

    interface Fee { long of(long entry, long exit); }

    /** The same 1024 stays as the bench has; the least time of several runs. */
    static void measure(String name, Fee fee, long base, int hours) {
        int rounds = Math.max(1, 400_000 / 1024 / (1 + hours / 24));
        long best = Long.MAX_VALUE, sum = 0;
        for (int run = 0; run < 15; run++) {
            sum = 0;
            long start = System.nanoTime();
            for (int round = 0; round < rounds; round++)
                for (int i = 0; i < 1024; i++) {
                    long entry = base + i * 9973L;
                    sum += fee.of(entry, entry + hours * 3600L + i * 61 % 1800);
                }
            best = Math.min(best, System.nanoTime() - start);
            sink = sum;
        }
        System.out.printf("%s %d %.1f %d%n", name, hours, (double) best / rounds / 1024, sum / rounds);
    }

    public static void main(String[] args) {
        long base = Long.parseLong(args[0]);
        first = Long.parseLong(args[1]);
        types = args[2].getBytes();
        for (int i = 0; i < types.length; i++) types[i] -= '0';
        for (int hours : new int[] {2, 24, 720, 8760}) {
            measure("tiered_then_duration", Rival::tiered, base, hours);
            measure("four_day_types", Rival::dayTypes, base, hours);
        }
    }
}
