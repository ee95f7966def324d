using Rudder.Engine.Generation;

namespace Rudder.Engine.Tests.Generation;

public class SlotTableTests
{
    private static Slot Live(int promptTokens)
    {
        var batch = new BatchWork(new GenerationBatch([new PromptRequest { PromptIds = new int[promptTokens], MaxNewTokens = 2 }]), CancellationToken.None);
        return new Slot(batch.Prompts[0], 0);
    }

    private static Slot Finished(int promptTokens)
    {
        var slot = Live(promptTokens);
        slot.Append(1, -1);
        slot.Append(1, -1);
        return slot;
    }

    [Fact]
    public void RetireFinished_GapsInTheMiddle_AreFilledFromTheEnd()
    {
        var table = new SlotTable(5);
        Slot[] slots = [Live(1), Finished(2), Live(3), Finished(4), Live(5)];
        Array.ForEach(slots, slot => table.Add(slot));
        List<(int From, int To, int Tokens)> copies = [];
        table.RetireFinished((from, to, tokens) => copies.Add((from, to, tokens)));
        Assert.Equal([(4, 1, 5)], copies);
        Assert.Equal([slots[0], slots[4], slots[2]], Enumerable.Range(0, table.Count).Select(row => table[row]));
        Assert.Equal(2, table.Free);
    }

    [Fact]
    public void RetireFinished_AllOver_CopiesNothing()
    {
        var table = new SlotTable(3);
        Array.ForEach<Slot>([Finished(1), Finished(2), Finished(3)], slot => table.Add(slot));
        table.RetireFinished((_, _, _) => Assert.Fail("nothing is left to move"));
        Assert.Equal(0, table.Count);
    }

    [Fact]
    public void Add_NoFreeSlot_Throws()
    {
        var table = new SlotTable(1);
        table.Add(Live(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => table.Add(Live(1)));
    }

    [Fact]
    public void RetireFinished_RowsThatCannotMove_FailAndAreRetiredToo()
    {
        var table = new SlotTable(4);
        Slot[] slots = [Finished(1), Live(2), Live(3), Live(4)];
        Array.ForEach(slots, slot => table.Add(slot));
        List<Slot> retired = [];
        table.RetireFinished(
            (_, _, tokens) =>
            {
                if (tokens == 4)
                {
                    throw new InvalidOperationException("device fault");
                }
            },
            retired.Add);

        Assert.Equal([slots[0], slots[3]], retired);
        Assert.Equal([slots[2], slots[1]], Enumerable.Range(0, table.Count).Select(row => table[row]));
        Assert.True(slots[3].Prompt.Batch.HasFailed);
        Assert.False(slots[2].IsOver);
    }
}
