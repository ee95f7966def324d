namespace Rudder.Trainer.Runs.Alarms;

/// <summary>The newest values of a metric.</summary>
/// <param name="size">Values kept.</param>
internal sealed class Window(int size)
{
    private readonly Queue<double> _values = new(size);

    /// <summary>Whether it holds as many values as it keeps.</summary>
    public bool IsFull => _values.Count == size;

    /// <summary>The values, oldest first.</summary>
    public IReadOnlyCollection<double> Values => _values;

    /// <summary>Adds a value and drops the oldest.</summary>
    public void Add(double value)
    {
        if (IsFull)
        {
            _values.Dequeue();
        }

        _values.Enqueue(value);
    }

    /// <summary>How far the newer half lies above the older half, in standard errors of the difference; 0 where nothing varies.</summary>
    public double Trend()
    {
        double[] old = [.. _values.Take(size / 2)], late = [.. _values.Skip(size / 2)];
        double error = Math.Sqrt((Variance(old) / old.Length) + (Variance(late) / late.Length));
        return error == 0 ? 0 : (late.Average() - old.Average()) / error;
    }

    private static double Variance(double[] values)
    {
        double mean = values.Average();
        return values.Sum(value => (value - mean) * (value - mean)) / Math.Max(1, values.Length - 1);
    }
}
