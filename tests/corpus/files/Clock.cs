using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;

namespace Shop.Time
{
    public interface IClock
    {
        DateTime Now { get; }
    }

    public sealed class Calendar<T> where T : IClock, new()
    {
        private readonly Dictionary<DateTime, List<string>> _days = new();

        public Calendar()
        {
            Clock = new T();
        }

        public T Clock { get; }

        /// <summary>
        /// Adds an entry to a day.
        /// </summary>
        /// <param name="day">the day</param>
        public void Add(DateTime day, string entry)
        {
            if (!_days.TryGetValue(day.Date, out var entries))
            {
                _days[day.Date] = entries = new List<string>();
            }
            entries.Add(entry);
        }

        [Obsolete("use Upcoming")]
        public IEnumerable<string> Today() => _days.TryGetValue(Clock.Now.Date, out var found) ? found : Enumerable.Empty<string>();

        public async Task<int> CountAsync(Func<string, Task<bool>> wanted)
        {
            var count = 0;
            foreach (var entry in _days.Values.SelectMany(one => one))
            {
                if (await wanted(entry))
                {
                    count++;
                }
            }
            return count;
        }

        public IReadOnlyList<string> Upcoming(int most)
        {
            var query = from day in _days
                        where day.Key >= Clock.Now.Date
                        orderby day.Key
                        select day.Value;
            return query.SelectMany(one => one).Take(most).ToList();
        }
    }
}
