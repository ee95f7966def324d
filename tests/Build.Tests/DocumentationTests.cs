using System.Text.RegularExpressions;
using Rudder.Tests;

namespace Rudder.Build.Tests;

public partial class DocumentationTests
{
    public static TheoryData<string> Pages() =>
        [.. Directory.EnumerateFiles(SharedFolder.Root, "*.md").Concat(Directory.EnumerateFiles(Path.Combine(SharedFolder.Root, "docs"), "*.md", SearchOption.AllDirectories))
            .Select(path => Path.GetRelativePath(SharedFolder.Root, path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_RelativeLinks_LeadToFiles(string page)
    {
        string folder = Path.GetDirectoryName(Path.Combine(SharedFolder.Root, page))!;

        var dead = RelativeLink().Matches(File.ReadAllText(Path.Combine(SharedFolder.Root, page)))
            .Select(link => link.Groups["path"].Value)
            .Where(path => !path.Contains("://", StringComparison.Ordinal) && !Path.Exists(Path.Combine(folder, path)));

        Assert.Empty(dead);
    }

    [Fact]
    public void Compatibility_TestsOfEachRow_Exist()
    {
        var sources = Directory.EnumerateFiles(Path.Combine(SharedFolder.Root, "tests"), "*Tests.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetFileNameWithoutExtension(path)).ToHashSet(StringComparer.Ordinal);

        string[] named = [.. TestName().Matches(File.ReadAllText(Path.Combine(SharedFolder.Root, "docs", "compatibility.md"))).Select(name => name.Groups["name"].Value)];

        Assert.NotEmpty(named);
        Assert.DoesNotContain(named, name => !sources.Contains(name));
    }

    [GeneratedRegex("`(?<name>[A-Za-z0-9]+Tests)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"\]\((?<path>[^)#\s]+)(#[^)]*)?\)")]
    private static partial Regex RelativeLink();
}
