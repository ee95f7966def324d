using Rudder.Tests;
using TorchSharp;

namespace Rudder.Shims.Tests.Torch;

/// <summary>The stand-in offers nothing that the genuine TorchSharp 0.107.0 lacks.</summary>
public class TorchSurfaceTests
{
    private static readonly string Golden = Path.Combine(SharedFolder.Root, "tests", "Shims.Tests", "Golden");

    [Fact]
    public void PublicMembers_OfStandIn_AllExistInTheGenuinePackage()
    {
        TorchStandIn.Require();
        Dictionary<string, HashSet<string>> genuine = Read("torchsharp-0.107.0-api.txt", "torchsharp-0.107.0-supplement.txt");
        var foreign = new List<string>();
        foreach (Type type in TorchStandIn.Assembly.GetExportedTypes())
        {
            string title = ListingText.Title(type);
            if (!genuine.TryGetValue(title, out HashSet<string>? lines))
            {
                foreign.Add($"## {title}: the type itself");
                continue;
            }

            IEnumerable<string> members = [.. ListingText.Members(Closed(type)), .. ListingText.SpecialMembers(Closed(type))];
            foreign.AddRange(members.Where(m => !IsListed(m, lines)).Select(m => $"## {title}: {m}"));
        }

        Assert.True(foreign.Count == 0, "not in the genuine TorchSharp's listing:\n" + string.Join('\n', foreign));
    }

    [Fact]
    public void Members_ListedMethod_AreWrittenAsInTheListing()
    {
        // Guards the comparison itself: a renderer that wrote nothing would pass the test above.
        string[] members = ListingText.Members(typeof(torch.Tensor)).ToArray();
        Assert.Contains("Tensor div_(Tensor target, RoundingMode rounding_mode = None)", members);
        Assert.Contains("ValueTuple<Tensor,Tensor> max(long dim, bool keepdim = false)", members);
        Assert.True(members.Length > 100, $"only {members.Length} members were written");
    }

    /// <summary>The listing shows the generic module with tensors for its type arguments.</summary>
    private static Type Closed(Type type) =>
        type == typeof(torch.nn.Module<,>) ? typeof(torch.nn.Module<torch.Tensor, torch.Tensor>) : type;

    /// <summary>A property that the stand-in only reads may be writable in the genuine package.</summary>
    private static bool IsListed(string member, HashSet<string> lines) =>
        lines.Contains(member) || (member.EndsWith("{get;}", StringComparison.Ordinal) && lines.Contains(member.Replace("{get;}", "{get;set;}", StringComparison.Ordinal)));

    private static Dictionary<string, HashSet<string>> Read(params string[] files)
    {
        var sections = new Dictionary<string, HashSet<string>>();
        HashSet<string> current = [];
        foreach (string line in files.SelectMany(f => File.ReadLines(Path.Combine(Golden, f))))
        {
            if (line.StartsWith("## ", StringComparison.Ordinal))
            {
                string title = line[3..].Split("[[")[0].Trim();
                current = sections.TryGetValue(title, out HashSet<string>? known) ? known : sections[title] = [];
            }
            else if (line.Length > 0 && line[0] != '#')
            {
                current.Add(line);
            }
        }

        return sections;
    }
}
