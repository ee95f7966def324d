using System.Xml.Linq;

namespace Rudder.Build;

/// <summary>Numbers of passed, failed and skipped tests.</summary>
internal readonly record struct TestCounts(int Passed, int Failed, int Skipped)
{
    /// <summary>Adds two runs.</summary>
    public static TestCounts operator +(TestCounts left, TestCounts right) =>
        new(left.Passed + right.Passed, left.Failed + right.Failed, left.Skipped + right.Skipped);

    /// <inheritdoc/>
    public override string ToString() => $"{Passed} passed, {Failed} failed, {Skipped} skipped";
}

/// <summary>Runs the test programs one after another and counts their results.</summary>
internal static class TestRun
{
    /// <summary>Runs all test projects. The last line printed is the sum.</summary>
    /// <returns>0 if no test failed, otherwise 3.</returns>
    public static int All()
    {
        var sum = new TestCounts();
        foreach (string project in Projects())
        {
            sum += Run(project, []);
        }

        return Conclude(sum);
    }

    /// <summary>Runs the explicit tests with the trait <c>Soak=NAME</c>.</summary>
    /// <exception cref="BadInputException">No test has the trait.</exception>
    public static int Soak(string name)
    {
        var sum = new TestCounts();
        foreach (string project in Projects())
        {
            sum += Run(project, ["-explicit", "only", "-trait", $"Soak={name}", "-showLiveOutput"]);
        }

        return sum == default ? throw new BadInputException($"'{name}' is not a soak. docs/soak.md lists them.") : Conclude(sum);
    }

    /// <summary>Counts the outcomes in a result file.</summary>
    /// <param name="trx">A Visual Studio test results document.</param>
    public static TestCounts Count(XDocument trx)
    {
        // NotRunnable marks explicit tests. These are the soaks; only their own target runs them.
        var outcomes = trx.Descendants().Where(element => element.Name.LocalName == "UnitTestResult")
            .Select(result => (string?)result.Attribute("outcome")).Where(outcome => outcome != "NotRunnable").ToList();
        int passed = outcomes.Count(outcome => outcome == "Passed");
        int skipped = outcomes.Count(outcome => outcome == "NotExecuted");
        return new TestCounts(passed, outcomes.Count - passed - skipped, skipped);
    }

    private static IEnumerable<string> Projects() => Directory.EnumerateFiles(Checkout.PathOf("tests"), "*.Tests.csproj", SearchOption.AllDirectories)
        .Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal);

    private static TestCounts Run(string project, string[] options)
    {
        string results = Checkout.PathOf("artifacts", "test-results", project + ".trx");
        Directory.CreateDirectory(Path.GetDirectoryName(results)!);
        File.Delete(results);
        Console.WriteLine($"== {project}");
        int code = Shell.Run("dotnet", [Checkout.Binary(project, project), "-noLogo", "-noColor", "-trx", results, .. options]);
        if (!File.Exists(results))
        {
            Console.WriteLine($"{project} ended with exit code {code} and wrote no results. This counts as one failure.");
            return new TestCounts(0, 1, 0);
        }

        var counts = Count(XDocument.Load(results));
        // A run can fail without a failed test, for example by a crash at exit.
        return code != 0 && counts.Failed == 0 ? counts with { Failed = 1 } : counts;
    }

    private static int Conclude(TestCounts sum)
    {
        Console.WriteLine(sum.ToString());
        // A run without tests must not pass.
        return sum.Failed == 0 && sum.Passed > 0 ? ExitCodes.Done : ExitCodes.Failed;
    }
}
