using System.Reflection;
using Rudder.Tests;

namespace Rudder.Shims.Tests.Grpc;

/// <summary>The two abstraction assemblies against the genuine server and client that are built on them.</summary>
public sealed class GrpcSurfaceTests
{
    private const string Server = "Grpc.AspNetCore.Server";
    private const string Client = "Grpc.Net.Client";
    private const string Core = "Grpc.Core.Api";
    private const string Common = "Grpc.Net.Common";

    [Theory]
    [InlineData(Server, Core)]
    [InlineData(Server, Common)]
    [InlineData(Client, Core)]
    [InlineData(Client, Common)]
    [InlineData("Rudder.Protos", Core)]
    public void Visible_EveryMemberThatGenuineCodeNames_IsThere(string user, string used)
    {
        using var caller = new AssemblyMembers(user);
        using var callee = new AssemblyMembers(used);
        var offered = Names(callee).ToHashSet();
        var taken = caller.TakenFrom(used).Concat(caller.OverriddenFrom(used)).Distinct().ToList();

        Assert.NotEmpty(taken);
        var missing = taken.Where(member => !offered.Contains(member) && !IsInherited(member)).ToList();
        Assert.Empty(missing);
    }

    [Theory]
    [InlineData(Core)]
    [InlineData(Common)]
    public void Visible_EveryMemberOfTheShim_ExistsInTheGenuinePackage(string shim)
    {
        using var server = new AssemblyMembers(Server);
        using var client = new AssemblyMembers(Client);
        using var members = new AssemblyMembers(shim);
        var genuine = File.ReadLines(Path.Combine(SharedFolder.Root, "tests/Shims.Tests/Grpc/genuine-members.txt"))
            .Where(line => line.Length > 0 && line[0] != '#')
            .Concat(new[] { server, client }.SelectMany(user => user.TakenFrom(shim).Concat(user.OverriddenFrom(shim))))
            .ToHashSet();

        var invented = members.Visible().Where(member => !genuine.Contains(member)).ToList();
        Assert.Empty(invented);
    }

    [Theory]
    [InlineData(Server)]
    [InlineData(Client)]
    public void GetTypes_OfGenuineAssembly_Load(string name)
    {
        // A missing abstract member or interface shows here, as ReflectionTypeLoadException.
        var types = Assembly.Load(name).GetTypes();

        Assert.Contains(types, type => type.Namespace?.StartsWith("Grpc", StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData(Core)]
    [InlineData(Common)]
    public void Name_OfTheShim_CarriesTheGenuineIdentity(string shim)
    {
        var name = Assembly.Load(shim).GetName();

        Assert.Equal(new Version(2, 0, 0, 0), name.Version);
        Assert.Equal("D754F35622E28BAD", Convert.ToHexString(name.GetPublicKeyToken()!));
    }

    /// <summary>Constants compare by name and type in references, by value in the list of genuine members.</summary>
    private static IEnumerable<string> Names(AssemblyMembers members) => members.Visible().Select(line => line.Split(" = ")[0]);

    /// <summary>A type may override what its shim base inherits from the framework.</summary>
    private static bool IsInherited(string member) => member.Contains("::ToString(") || member.Contains("::Equals(") || member.Contains("::GetHashCode(");
}
