using Rudder.Engine.Scheduling;

namespace Rudder.Engine.Tests.Scheduling;

public sealed class ClientLinesTests
{
    private readonly ClientLines<string> _lines = new();

    [Fact]
    public void Pass_SeveralClients_TakeTurnsEachOldestFirst()
    {
        Add("a", "a1", "a2", "a3");
        Add("b", "b1");
        Add("c", "c1", "c2");

        Assert.Equal(["a1", "b1", "c1", "a2", "c2", "a3"], TakeAll());
        Assert.True(_lines.IsEmpty);
    }

    [Fact]
    public void Pass_NotDone_StaysFirstOfItsClientAndTheTurnGoesOn()
    {
        Add("a", "a1", "a2");
        Add("b", "b1");
        _lines.Pass(done: false);

        Assert.Equal(["b1", "a1", "a2"], TakeAll());
    }

    [Fact]
    public void Add_ThatGoesOn_StandsBeforeItsClientsOthersAndTakesNobodysTurn()
    {
        Add("a", "a1");
        Add("b", "b1");
        _lines.Add("b", "b0", goesOn: true);

        Assert.Equal(["a1", "b0", "b1"], TakeAll());
    }

    [Fact]
    public void PutLast_ClientThatWaits_HasTheLastTurn()
    {
        Add("a", "a1", "a2");
        Add("b", "b1");
        Add("c", "c1");
        _lines.PutLast("a");
        _lines.PutLast("nobody");

        Assert.Equal(["b1", "c1", "a1", "a2"], TakeAll());
    }

    [Fact]
    public void RemoveOver_Some_GivesTheirWeightAndKeepsTheTurnsOfTheRest()
    {
        Add("a", "a1", "x");
        Add("b", "x", "x");
        Add("c", "c1");

        Assert.Equal(3, _lines.RemoveOver(item => item == "x", _ => 1));
        Assert.Equal(["a1", "c1"], _lines.All);
        Assert.Equal(["a1", "c1"], TakeAll());
    }

    [Fact]
    public void HasOtherThan_OwnOrNobodys_IsFalse()
    {
        Assert.False(_lines.HasOtherThan("a"));
        Add("a", "a1");
        Assert.False(_lines.HasOtherThan("a"));
        Assert.True(_lines.HasOtherThan("b"));
        Add("b", "b1");
        Assert.True(_lines.HasOtherThan("a"));
    }

    private void Add(string client, params string[] items) => Array.ForEach(items, item => _lines.Add(client, item));

    private List<string> TakeAll()
    {
        List<string> taken = [];
        while (_lines.TryPeek(out string? item))
        {
            taken.Add(item);
            _lines.Pass(done: true);
        }

        return taken;
    }
}
