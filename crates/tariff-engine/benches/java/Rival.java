/** The rival: a careful hand-written loop for one tariff (30 min free, to 60 min 3.00, then 1.00 per started hour;
 *  07:30 to 21:00 every day, the ladder starts again each day), in fen and epoch seconds, zone of a fixed offset. */
public final class Rival {
    static final long OFFSET = 8 * 3600, DAY = 86400, FROM = 7 * 3600 + 1800, TO = 21 * 3600;

    static long fee(long entry, long exit) {
        long total = 0;
        long first = Math.floorDiv(entry + OFFSET, DAY), last = Math.floorDiv(exit - 1 + OFFSET, DAY);
        for (long day = first; day <= last; day++) {
            long midnight = day * DAY - OFFSET;
            long from = Math.max(entry, midnight + FROM), to = Math.min(exit, midnight + TO);
            long time = to - from;
            if (time <= 1800) continue;
            long fee = 300;
            for (long unit = from + 3600; unit < to; unit += 3600) fee += 100;
            total += fee;
        }
        return total;
    }

    public static void main(String[] args) {
        long entry = 1740960610L;
        for (int hours : new int[] {2, 24, 720, 8760}) {
            long length = hours * 3600L;
            int rounds = (int) Math.max(20_000, 40_000_000L / hours / 10);
            long best = Long.MAX_VALUE, sum = 0;
            for (int run = 0; run < 7; run++) {
                long start = System.nanoTime();
                for (int i = 0; i < rounds; i++) sum += fee(entry + (i & 1023), entry + (i & 1023) + length);
                best = Math.min(best, (System.nanoTime() - start) * 10 / rounds);
            }
            System.out.printf("%5d h: %d.%d ns (check %d)%n", hours, best / 10, best % 10, sum % 1000);
        }
    }
}
