package shop.books;

import java.util.*;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Keeps what was paid.
 */
public final class Ledger<K extends Comparable<K>> implements Iterable<K> {
    private final Map<K, Long> totals = new TreeMap<>();

    public Ledger() {
        this(Map.of());
    }

    public Ledger(Map<K, Long> opening) {
        totals.putAll(opening);
    }

    /**
     * Adds a payment.
     *
     * @param key who paid
     * @param cents how much
     */
    public synchronized void add(K key, long cents) throws ArithmeticException {
        totals.merge(key, cents, Math::addExact);
    }

    @Override
    public Iterator<K> iterator() {
        return totals.keySet().iterator();
    }

    @Deprecated(since = "2")
    @SuppressWarnings({"unchecked", "rawtypes"})
    static <T, R extends Comparable<R>> List<T> sorted(Collection<? extends T> items, Function<? super T, R> key) {
        List<T> found = new ArrayList<>(items);
        found.sort(Comparator.comparing(key));
        return found;
    }

    String report(Locale locale) {
        var text = """
            Ledger
              of %d people
            """.formatted(totals.size());
        return totals.entrySet().stream()
            .filter(entry -> entry.getValue() != 0)
            .map(entry -> String.format(locale, "%s: %d", entry.getKey(), entry.getValue()))
            .collect(Collectors.joining("\n", text, "\n"));
    }

    enum Side {
        DEBIT, CREDIT;

        Side other() {
            return switch (this) {
                case DEBIT -> CREDIT;
                case CREDIT -> DEBIT;
            };
        }
    }

    record Entry(String who, long cents) {
        Entry {
            if (cents < 0) {
                throw new IllegalArgumentException("negative: " + cents);
            }
        }
    }
}
