using System.Net.Sockets;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.InferenceService.Security;

namespace Rudder.InferenceService.Tests.Security;

public sealed class ModelFoldersTests : IDisposable
{
    private readonly string _base = Directory.CreateTempSubdirectory("rudder-folders-").FullName;

    public ModelFoldersTests()
    {
        Directory.CreateDirectory(Path.Combine(_base, "root", "model"));
        Directory.CreateDirectory(Path.Combine(_base, "root2", "other"));
        Directory.CreateDirectory(Path.Combine(_base, "outside"));
        Directory.CreateDirectory(Path.Combine(_base, "rooted"));
    }

    private ModelFolders Folders => new([Path.Combine(_base, "root"), Path.Combine(_base, "root2")]);

    public void Dispose() => Directory.Delete(_base, recursive: true);

    [Theory]
    [InlineData("model", "root/model")]
    [InlineData("./model/../model", "root/model")]
    [InlineData("../root2/other", "root2/other")]
    [InlineData("{base}/root2/other", "root2/other")]
    public void Resolve_InsideARoot_GivesTheRealFolder(string path, string expected) =>
        Assert.Equal(Path.Combine(_base, expected), Folders.Resolve(path.Replace("{base}", _base)));

    [Theory]
    [InlineData("../outside")]
    [InlineData("..")]
    [InlineData("/")]
    [InlineData("/etc")]
    [InlineData("model/../../outside")]
    [InlineData("{base}/rooted")]
    [InlineData("a\0b")]
    public void Resolve_Escape_IsRefused(string path)
    {
        var fault = Assert.Throws<RequestFault>(() => Folders.Resolve(path.Replace("{base}", _base)));

        Assert.Equal(FaultKind.Invalid, fault.Kind);
    }

    [Theory]
    [InlineData("/proc/self/root/etc")]
    [InlineData("/proc/self/cwd")]
    [InlineData("/dev/fd")]
    [InlineData("////etc")]
    [InlineData("model/././../../outside/.")]
    [InlineData("model/../../root/../outside")]
    [InlineData("{base}/root/../outside")]
    [InlineData("{base}/root2/../../../../../../../etc")]
    [InlineData("nothing/../../outside")]
    public void Resolve_WayOut_IsRefused(string path) =>
        Assert.Equal(FaultKind.Invalid, Assert.Throws<RequestFault>(() => Folders.Resolve(path.Replace("{base}", _base))).Kind);

    [Theory]
    [InlineData("%2e%2e/outside")]
    [InlineData("..%2foutside")]
    [InlineData("~")]
    [InlineData("$HOME")]
    [InlineData("model\n")]
    [InlineData("..\\outside")]
    [InlineData("file:///etc")]
    public void Resolve_WrittenForAnotherReader_IsAPlainNameThatIsNotThere(string path) =>
        Assert.Equal(FaultKind.NotFound, Assert.Throws<RequestFault>(() => Folders.Resolve(path)).Kind);

    [Fact]
    public void Resolve_FileLinkThatClimbsThroughAFolderLink_IsRefused()
    {
        // Read by its letters the target lies in the root; the system goes up from where 'd' leads.
        File.CreateSymbolicLink(Path.Combine(_base, "root", "model", "d"), Path.Combine(_base, "root2"));
        File.CreateSymbolicLink(Path.Combine(_base, "root", "model", "model.onnx_data"), "d/../outside/secret");

        Assert.Equal(FaultKind.Invalid, Assert.Throws<RequestFault>(() => Folders.Resolve("model")).Kind);
    }

    [Fact]
    public void Resolve_VeryLong_IsMissing() =>
        Assert.Equal(FaultKind.NotFound, Assert.Throws<RequestFault>(() => Folders.Resolve(string.Join('/', Enumerable.Repeat(new string('a', 255), 16)))).Kind);

    [Fact]
    public void Resolve_LinksThatLeadRound_AreRefused()
    {
        File.CreateSymbolicLink(Path.Combine(_base, "root", "there"), "back");
        File.CreateSymbolicLink(Path.Combine(_base, "root", "back"), "there/../there");

        Assert.Equal(FaultKind.Invalid, Assert.Throws<RequestFault>(() => Folders.Resolve("there/model")).Kind);
    }

    [Fact]
    public void Resolve_Nothing_IsMissing() => Assert.Equal(FaultKind.NotFound, Assert.Throws<RequestFault>(() => Folders.Resolve("nothing")).Kind);

    [Theory]
    [InlineData("root/link", "../outside", "link")]
    [InlineData("root/link", "{base}/outside", "link")]
    [InlineData("root/link", "..", "link/outside")]
    [InlineData("root/model/model.onnx_data", "../../outside/secret", "model")]
    [InlineData("root/loop", "loop", "loop")]
    public void Resolve_LinkOutOfTheRoots_IsRefused(string link, string target, string path)
    {
        File.CreateSymbolicLink(Path.Combine(_base, link), target.Replace("{base}", _base));

        Assert.Equal(FaultKind.Invalid, Assert.Throws<RequestFault>(() => Folders.Resolve(path)).Kind);
    }

    [Fact]
    public void Resolve_LinkInsideTheRoots_IsFollowed()
    {
        File.CreateSymbolicLink(Path.Combine(_base, "root", "link"), "../root2/other");

        Assert.Equal(Path.Combine(_base, "root2", "other"), Folders.Resolve("link"));
    }

    [Fact]
    public void Resolve_RootThatIsALink_HoldsItsTarget()
    {
        File.CreateSymbolicLink(Path.Combine(_base, "alias"), "root");
        var folders = new ModelFolders([Path.Combine(_base, "alias")]);

        Assert.Equal(Path.Combine(_base, "root", "model"), folders.Resolve("model"));
    }

    [Fact]
    public void Resolve_FolderLinkInsideTheRootsWithALinkOutOfThem_IsRefused()
    {
        File.CreateSymbolicLink(Path.Combine(_base, "root", "model", "onnx"), "../../root2/other");
        File.CreateSymbolicLink(Path.Combine(_base, "root2", "other", "model.onnx_data"), "../../outside/secret");

        var fault = Assert.Throws<RequestFault>(() => Folders.Resolve("model"));

        Assert.Equal(FaultKind.Invalid, fault.Kind);
        Assert.Contains("model.onnx_data', which leads out", fault.Message);
    }

    [Fact]
    public void Resolve_FolderLinkInsideTheRoots_IsFollowed()
    {
        File.CreateSymbolicLink(Path.Combine(_base, "root", "model", "onnx"), "../../root2/other");
        File.WriteAllText(Path.Combine(_base, "root2", "other", "model.onnx_data"), "x");

        Assert.Equal(Path.Combine(_base, "root", "model"), Folders.Resolve("model"));
    }

    [Fact]
    public void Resolve_FolderLinksThatLeadBack_AreFollowedOnce()
    {
        // Followed by their names there would be 2 to the 40th ways through them.
        File.CreateSymbolicLink(Path.Combine(_base, "root", "model", "one"), ".");
        File.CreateSymbolicLink(Path.Combine(_base, "root", "model", "two"), "../model");

        Assert.Equal(Path.Combine(_base, "root", "model"), Folders.Resolve("model"));
    }

    [Fact]
    public void Resolve_SpecialFile_IsRefusedAsReadingItMayNeverEnd()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(_base, "root", "model", "config.json")));

        var fault = Assert.Throws<RequestFault>(() => Folders.Resolve("model"));

        Assert.Contains("'config.json'", fault.Value);
    }

    [Fact]
    public void Source_FolderInItsPlace_PassesAgain() => Source().RequireInPlace!();

    [Fact]
    public void Source_FolderReplacedByALinkOutOfTheRoots_IsRefused()
    {
        var source = Source();
        Directory.Delete(source.Folder);
        Directory.CreateSymbolicLink(source.Folder, Path.Combine(_base, "outside"));

        Assert.Contains("leads out of the service's model roots", Assert.Throws<RequestFault>(source.RequireInPlace!).Message);
    }

    [Fact]
    public void Source_FolderReplacedByALinkInsideTheRoots_IsRefused()
    {
        var source = Source();
        Directory.Move(source.Folder, source.Folder + "-moved");
        Directory.CreateSymbolicLink(source.Folder, source.Folder + "-moved");

        Assert.Contains($"{source.Folder} was replaced by a link", Assert.Throws<RequestFault>(source.RequireInPlace!).Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4097)]
    public void Source_PathOfAnotherLength_IsRefused(int length) =>
        Assert.Equal("path", Assert.Throws<RequestFault>(() => Folders.Source("m", new string('a', length), EngineKind.Slots, GraphPrecision.Fp32)).Field);

    private ModelSource Source() => Folders.Source("m", "model", EngineKind.Slots, GraphPrecision.Fp32);
}
