namespace Rudder.Checkpoints;

/// <summary>What one rendering may still use.</summary>
internal sealed class RenderBudget(ChatTemplateLimits limits, TimeProvider time)
{
    private const int StepsBetweenClocks = 256;
    private const int UnitsOfAnItem = 16;

    private readonly long _start = time.GetTimestamp();
    private int _steps;
    private int _depth;
    private long _work;

    /// <summary>Counts a statement, an expression or a turn of a loop.</summary>
    public void Step()
    {
        if (++_steps > limits.MaxSteps)
        {
            throw new TemplateFault($"the template takes more than {limits.MaxSteps} steps. Shorten the conversation or its loops.");
        }

        if (_steps % StepsBetweenClocks == 0)
        {
            CheckTime();
        }
    }

    /// <summary>Counts characters or items of a value before it is made.</summary>
    public void Work(long size)
    {
        _work += size;
        if (_work > limits.MaxWork)
        {
            throw new TemplateFault(
                $"the template makes values of more than {limits.MaxWork} characters and items. Shorten the conversation.");
        }
    }

    /// <summary>Counts the items of a list before it is made.</summary>
    public void List(Int128 items) => Work((long)Int128.Min(items * UnitsOfAnItem, long.MaxValue >> 1));

    /// <summary>Checks the length of the rendered text.</summary>
    public void Output(int length)
    {
        if (length > limits.MaxOutput)
        {
            throw new TemplateFault($"the text is longer than {limits.MaxOutput} characters. Shorten the conversation.");
        }
    }

    /// <summary>Enters one level; <see cref="Leave"/> leaves it.</summary>
    public void Enter()
    {
        Step();
        if (++_depth > limits.MaxDepth * 2)                  // statements and expressions nest within each other
        {
            throw new TemplateFault($"statements, macros and values nest deeper than {limits.MaxDepth} levels.");
        }
    }

    public void Leave() => _depth--;

    private void CheckTime()
    {
        if (time.GetElapsedTime(_start) > limits.MaxTime)
        {
            throw new TemplateFault($"the template takes longer than {limits.MaxTime.TotalSeconds} s. Shorten the conversation.");
        }
    }
}
