namespace Rudder.Client.Experiments;

/// <summary>Which stages of a run are wanted.</summary>
/// <param name="From">This stage and all later ones run again; earlier ones are taken as they are. Null for all.</param>
/// <param name="Only">This stage alone runs again. Null for all.</param>
internal sealed record StageSelection(string? From = null, string? Only = null)
{
    /// <summary>All stages; unchanged ones are kept.</summary>
    public static StageSelection All { get; } = new();

    /// <summary>The stages to run, in their order.</summary>
    /// <exception cref="BadInputException">The run has no such stage.</exception>
    public IReadOnlyList<Stage> Of(IReadOnlyList<Stage> stages)
    {
        string? wanted = From ?? Only;
        int first = wanted is null ? 0 : stages.Select(stage => stage.Name).ToList().IndexOf(wanted);
        if (first < 0)
        {
            IEnumerable<string> names = stages.Select(stage => stage.Name);
            throw new BadInputException(
                $"There is no stage '{wanted}'.{Spelling.Hint(wanted!, names)} The stages are {string.Join(", ", names)}.");
        }

        return Only is null ? [.. stages.Skip(first)] : [stages[first]];
    }

    /// <summary>As <see cref="Of"/>, after removing the records of stages that are to run again.</summary>
    /// <exception cref="BadInputException">A stage that is left out has not been done, and a wanted one needs its result.</exception>
    public IReadOnlyList<Stage> Begin(IReadOnlyList<Stage> stages, StageRunner runner)
    {
        IReadOnlyList<Stage> wanted = Of(stages);
        HashSet<string> names = [.. wanted.Select(stage => stage.Name)];
        foreach (Stage stage in wanted)
        {
            string? absent = stage.After.FirstOrDefault(name => !names.Contains(name) && !runner.IsDone(name));
            BadInputException.Unless(
                absent is null, $"Stage {stage.Name} needs the result of stage {absent}, which is not done. Run without --from and --only.");
        }

        foreach (Stage stage in this == All ? [] : wanted)
        {
            runner.Forget(stage.Name);
        }

        return wanted;
    }
}
